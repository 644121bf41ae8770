import assert from "node:assert/strict";
import { withFolder } from "../../_support/server.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { greets, startFaultServer } from "../../_support/fault_server.ts";
import { identify, run } from "../../_support/program.ts";

const agent = {
  id: "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11",
  secret: "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A",
};

function reply(): Response {
  const fault = greets();
  assert.ok(typeof fault === "object");
  return new Response(fault.body, { headers: { "content-type": "application/json" } });
}

Deno.test("an authority of one's own is trusted by --ca-file and by SSL_CERT_FILE, and not otherwise", () =>
  withFolder(async (home) => {
    const { cert, key, authority } = await makeCertificate(home);
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", cert, key, onListen: () => undefined },
      reply,
    );
    try {
      const env = identify(agent, `https://localhost:${server.addr.port}`);
      const stranger = await run(["handshake"], { home, env });
      assert.equal(stranger.code, 6);
      assert.match(stranger.stderr, /certificate|UnknownIssuer/i);
      assert.equal((await run(["handshake", "--ca-file", authority], { home, env })).code, 0);
      assert.equal((await run(["handshake"], { home, env: { ...env, SSL_CERT_FILE: authority } })).code, 0);

      const doctor = await run(["doctor"], { home, env });
      assert.equal(doctor.code, 6);
      assert.match(doctor.stdout, /FAIL {2}tls .*\n.*hint: .*--ca-file/);
      assert.match((await run(["doctor", "--ca-file", authority], { home, env })).stdout, /pass {2}tls/);
    } finally {
      await server.shutdown();
    }
  }));

Deno.test("a proxy from the environment is used, and NO_PROXY goes past it", () =>
  withFolder(async (home) => {
    const proxy = startFaultServer(() => greets());
    try {
      // Nobody has this address: what is answered came from the proxy.
      const url = "http://fleet.invalid:8080";
      const env = { ...identify(agent, url), HTTP_PROXY: proxy.url };
      const through = await run(["handshake", "--insecure-http"], { home, env });
      assert.equal(through.code, 0, through.stderr);
      assert.match(proxy.caught[0]?.path ?? "", /^http:\/\/fleet\.invalid:8080\/functions\/v1\/handshake$/);
      const past = await run(["handshake", "--insecure-http"], {
        home,
        env: { ...env, NO_PROXY: "fleet.invalid" },
      });
      assert.equal(past.code, 6);
      assert.equal(proxy.caught.length, 1);
      const doctor = await run(["doctor", "--insecure-http"], { home, env });
      assert.match(doctor.stdout, /pass {2}proxy/);
    } finally {
      proxy.close();
    }
  }));

Deno.test("a server is reached over IPv6", () =>
  withFolder(async (home) => {
    const server = Deno.serve({ port: 0, hostname: "::1", onListen: () => undefined }, reply);
    try {
      const { code, stderr } = await run(["handshake"], {
        home,
        env: identify(agent, `http://[::1]:${server.addr.port}`),
      });
      assert.equal(code, 0, stderr);
    } finally {
      await server.shutdown();
    }
  }));

Deno.test("one beat to a port where nobody listens → its reason once, and no word of another try", () =>
  withFolder(async (home) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const env = identify(agent, `http://127.0.0.1:${port}`);
    const { code, stdout, stderr } = await run(["monitor", "--once"], { home, env });
    assert.equal(code, 6);
    assert.equal(stdout, "");
    assert.doesNotMatch(stderr, /again/);
    for (const line of stderr.split("\n")) assert.doesNotMatch(line, /refused.*refused/);
    assert.match(stderr, /^error: Cannot reach the server: .*refused.*\nhint: openclaw doctor\n$/m);
  }));
