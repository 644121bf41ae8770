import assert from "node:assert/strict";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { greets, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, run } from "../../_support/program.ts";

const agent = makeAgent();

function reply(): Response {
  const fault = greets();
  assert.ok(typeof fault === "object");
  return new Response(fault.body, { headers: { "content-type": "application/json" } });
}

/** A server of ours that greets everybody; `await using` stops it. */
function startGreeter(
  options: { hostname: string; cert?: string; key?: string },
): AsyncDisposable & { port: number } {
  const { cert, key, hostname } = options;
  const address = { port: 0, hostname, onListen: () => undefined };
  const tls = cert === undefined || key === undefined ? null : { cert, key };
  const server = tls === null ? Deno.serve(address, reply) : Deno.serve({ ...address, ...tls }, reply);
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

testWith(
  ["openssl"],
  "an authority of one's own is trusted by --ca-file and by SSL_CERT_FILE, and not otherwise",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const { cert, key, authority } = await makeCertificate(home);
    await using server = startGreeter({ hostname: "127.0.0.1", cert, key });
    const env = identify(agent, `https://localhost:${server.port}`);
    const stranger = await run(["handshake"], { home, env });
    assert.equal(stranger.code, 6);
    assert.match(stranger.stderr, /certificate|UnknownIssuer/i);
    assert.equal((await run(["handshake", "--ca-file", authority], { home, env })).code, 0);
    assert.equal((await run(["handshake"], { home, env: { ...env, SSL_CERT_FILE: authority } })).code, 0);

    const doctor = await run(["doctor"], { home, env });
    assert.equal(doctor.code, 6);
    assert.match(doctor.stdout, /FAIL {2}tls .*\n.*hint: .*--ca-file/);
    assert.match((await run(["doctor", "--ca-file", authority], { home, env })).stdout, /pass {2}tls/);
  },
);

Deno.test("a proxy from the environment is used, and NO_PROXY goes past it", async () => {
  await using folder = await temporaryFolder();
  const home = folder.path;
  using proxy = startFaultServer(() => greets());
  // No host has this address: what is answered came from the proxy.
  const env = { ...identify(agent, "http://fleet.invalid:8080"), HTTP_PROXY: proxy.url };
  const through = await run(["handshake", "--insecure-http"], { home, env });
  assert.equal(through.code, 0, through.stderr);
  assert.match(proxy.caught[0]?.path ?? "", /^http:\/\/fleet\.invalid:8080\/functions\/v1\/handshake$/);
  const around = { ...env, NO_PROXY: "fleet.invalid" };
  assert.equal((await run(["handshake", "--insecure-http"], { home, env: around })).code, 6);
  assert.equal(proxy.caught.length, 1);
  const doctor = await run(["doctor", "--insecure-http"], { home, env });
  assert.match(doctor.stdout, /pass {2}proxy/);
});

Deno.test("a server is reached over IPv6", async () => {
  await using home = await temporaryFolder();
  await using server = startGreeter({ hostname: "::1" });
  const env = identify(agent, `http://[::1]:${server.port}`);
  const { code, stderr } = await run(["handshake"], { home: home.path, env });
  assert.equal(code, 0, stderr);
});

Deno.test("one beat to a port where nobody listens → its reason once, and no word of another try", async () => {
  await using home = await temporaryFolder();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const env = identify(agent, `http://127.0.0.1:${listener.addr.port}`);
  listener.close();
  const { code, stdout, stderr } = await run(["monitor", "--once"], { home: home.path, env });
  assert.equal(code, 6);
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /again/);
  for (const line of stderr.split("\n")) assert.doesNotMatch(line, /refused.*refused/);
  assert.match(
    stderr,
    /^error: Cannot reach the server: .*refused.*\nhint: (deno task )?openclaw(-server)? doctor\n$/m,
  );
});
