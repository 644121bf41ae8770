import assert from "node:assert/strict";
import { join } from "node:path";
import { tlsFault } from "../../../../cli/api/checks.ts";
import { succeed } from "../../../_support/run.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { identify } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { operatorKey } from "../../../_support/fake_fleet.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";

const agent = { id: agentId, secret: agentSecret };

interface Certificate {
  cert: string;
  key: string;
}

const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];

const faults: { name: string; sign: string[]; trusts: boolean; says: RegExp }[] = [
  {
    name: "an authority that nobody knows",
    sign: ["-addext", "subjectAltName=DNS:localhost", ...leaf],
    trusts: false,
    says: /FAIL {2}tls .*UnknownIssuer\n +hint: give the certificate authority's PEM file with --ca-file$/m,
  },
  {
    name: "another name",
    sign: ["-addext", "subjectAltName=DNS:other.example", ...leaf],
    trusts: true,
    says: /FAIL {2}tls .*"other\.example".*\n +hint: write the name that the certificate is for in --url/m,
  },
  {
    name: "an authority's own certificate",
    sign: ["-addext", "subjectAltName=DNS:localhost"],
    trusts: true,
    says: /FAIL {2}tls .*CaUsedAsEndEntity.*\n +hint: it is an authority's own.*CA:FALSE/m,
  },
];

for (const { name, sign, trusts, says } of faults) {
  testWith(
    ["openssl"],
    `openclaw doctor and fleet tell TLS with ${name}, and what helps`,
    async () => {
      await using folder = await temporaryFolder();
      const home = folder.path;
      await using server = serve(await make(home, sign));
      const flags = trusts ? ["--ca-file", join(home, "cert.pem")] : [];
      const env = identify(agent, server.url);
      const { code, stdout, stderr } = await runInSession(["doctor", ...flags], { home, env });
      assert.equal(code, 6, stderr);
      assert.match(stdout, says);
      const [hint = ""] = /hint: .*/.exec(stdout) ?? [];
      const fleet = await runInSession(["fleet", ...flags], {
        home,
        env: { OPENCLAW_URL: server.url, OPENCLAW_OPERATOR_KEY: operatorKey },
      });
      assert.equal(fleet.code, 6, fleet.stderr);
      assert.ok(fleet.stderr.includes(`\n${hint}\n`), fleet.stderr);
    },
  );
}

testWith(["openssl", "sh"], "the certificate that the doctor says to make holds", async () => {
  await using folder = await temporaryFolder();
  const home = folder.path;
  const { hint = "" } = tlsFault("CaUsedAsEndEntity", { host: "localhost", hasAuthority: false }) ?? {};
  const command = /openssl req .*CA:FALSE/.exec(hint)?.[0] ?? "";
  await succeed("sh", ["-c", command], { cwd: home });
  await using server = serve(await read(home));
  const args = ["doctor", "--ca-file", join(home, "cert.pem")];
  const { stdout } = await runInSession(args, { home, env: identify(agent, server.url) });
  assert.match(stdout, /pass {2}tls/);
});

testWith(
  ["openssl"],
  "openclaw doctor with a --ca-file of another authority does not ask for --ca-file",
  async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    await make(home, []);
    await Deno.rename(join(home, "cert.pem"), join(home, "other.pem"));
    await using server = serve(await make(home, ["-addext", "subjectAltName=DNS:localhost", ...leaf]));
    const args = ["doctor", "--ca-file", join(home, "other.pem")];
    const { stdout } = await runInSession(args, { home, env: identify(agent, server.url) });
    assert.match(stdout, /hint: another authority signed it/);
  },
);

Deno.test("openclaw doctor tells a port without TLS", async () => {
  await using home = await temporaryFolder();
  await using server = serve();
  const { code, stdout } = await runInSession(["doctor"], {
    home: home.path,
    env: identify(agent, server.url),
  });
  assert.equal(code, 6);
  assert.match(stdout, /FAIL {2}tls +what answers there speaks no TLS.*\n +hint: check the port/);
});

testWith(["openssl"], "openclaw fleet at an https server by http → the address that it may be", async () => {
  await using folder = await temporaryFolder();
  const home = folder.path;
  await using server = serve(await make(home, ["-addext", "subjectAltName=DNS:localhost", ...leaf]));
  const { code, stderr } = await runInSession(["fleet"], {
    home,
    env: { OPENCLAW_URL: server.url.replace("https:", "http:"), OPENCLAW_OPERATOR_KEY: operatorKey },
  });
  assert.equal(code, 6, stderr);
  assert.ok(stderr.includes(`hint: check the port in the URL; it may be ${server.url}\n`), stderr);
});

const told: [message: string, hint: RegExp | null][] = [
  ["invalid peer certificate: certificate expired: verification time 2 (UNIX), but …", /renew .* clock/],
  ["invalid peer certificate: certificate not valid yet: verification time 1 (UNIX)", /renew .* clock/],
  ["invalid peer certificate: Expired", /renew .* clock/],
  ["invalid peer certificate: Revoked", /check the server's certificate/],
  ["unexpected end of file", /what stands between/],
  ["Connection reset by peer (os error 104)", null],
];

for (const [message, hint] of told) {
  Deno.test(`"${message}" ${hint === null ? "is no fault of TLS" : `earns a hint like ${hint}`}`, () => {
    const fault = tlsFault(message, { host: "fleet.example", hasAuthority: false });
    if (hint === null) assert.equal(fault, null);
    else assert.match(fault?.hint ?? "", hint);
  });
}

async function make(folder: string, sign: string[]): Promise<Certificate> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  await succeed("openssl", ["req", "-x509", ...key, ...files, "-subj", "/CN=openclaw", ...sign]);
  return await read(folder);
}

async function read(folder: string): Promise<Certificate> {
  return {
    cert: await Deno.readTextFile(join(folder, "cert.pem")),
    key: await Deno.readTextFile(join(folder, "key.pem")),
  };
}

/** A web server on a port of its own, with TLS where it has a certificate; its address says https either way. */
function serve(certificate?: Certificate): { url: string } & AsyncDisposable {
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
  const answer = (): Response => new Response("{}");
  const server = certificate === undefined
    ? Deno.serve(options, answer)
    : Deno.serve({ ...options, ...certificate }, answer);
  return { url: `https://localhost:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
}
