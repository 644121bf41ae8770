import assert from "node:assert/strict";
import { join } from "node:path";
import { send } from "../_support/client.ts";
import { reasonOf } from "../../cli/commands/_reason.ts";
import {
  openclaw,
  startServerProcess,
  tryServerProcess,
  withFolder,
  withFolderInMemory,
} from "../_support/server.ts";
import { run } from "../_support/run.ts";

const variables = [
  "OPENCLAW_HOST",
  "OPENCLAW_PORT",
  "OPENCLAW_DATA",
  "OPENCLAW_TLS_CERT",
  "OPENCLAW_TLS_KEY",
  "OPENCLAW_PUBLIC_URL",
  "DATABASE_URL",
];

Deno.test("empty variables count as unset: the server listens on loopback alone, with its own issuer", async () => {
  await withFolderInMemory(async (folder) => {
    const env = Object.fromEntries(variables.map((name) => [name, ""]));
    await using server = await startServerProcess({ data: join(folder, "data"), env });
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(server.output.stdout.includes(`"issuer":"${server.base}"`), server.output.stdout);
    assert.equal((await send(`${server.base}/health`)).status, 200);
  });
});

Deno.test("an empty OPENCLAW_DATA and OPENCLAW_PORT → the defaults, and no key in the working folder", async () => {
  await withFolder(async (cwd) => {
    // A certificate without its key is refused when everything has been read and nothing is made yet.
    const env = { OPENCLAW_DATA: "", OPENCLAW_PORT: "" };
    const noKey = await run(...command("serve", "--tls-cert", "absent.pem"), { cwd, env });
    assert.match(noKey?.stderr ?? "", /^error: Cannot serve TLS: /);
    await Deno.writeTextFile(join(cwd, "openclaw-data"), "a file where the default folder would be");
    const refused = await run(...command("serve", "--port", "0"), { cwd, env });
    assert.match(refused?.stderr ?? "", /^error: Cannot use the data folder "[^"]+\/openclaw-data": /);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(cwd))).map(({ name }) => name), ["openclaw-data"]);
  });
});

Deno.test('serve --data "" → wrong usage, exit code 2, nothing made', async () => {
  await withFolder(async (cwd) => {
    const refused = await run(...command("serve", "--port", "0", "--data", ""), { cwd });
    assert.equal(refused?.code, 2);
    assert.equal(refused.stdout, "");
    assert.match(refused.stderr, /^error: option '--data <folder>' argument '' is invalid/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), []);
  });
});

const unreachable: [string, string, RegExp][] = [
  ["a host name that nobody knows", "fleet.invalid:5432", /no such host name/],
  ["a port on which nothing listens", "127.0.0.1:1", /the connection was refused/],
];
for (const [what, host, reason] of unreachable) {
  Deno.test(`a database URL with ${what} → the reason is told, the address and its password are not`, async () => {
    await withFolderInMemory(async (folder) => {
      const env = { DATABASE_URL: `postgres://fleet:hush-hush@${host}/fleet` };
      const refused = await tryServerProcess({ data: join(folder, "data"), env });
      assert.ok("code" in refused);
      assert.equal(refused.code, 6);
      assert.match(refused.stderr, /^error: Cannot reach the database: .+\nhint: .+\n$/);
      assert.match(refused.stderr, reason);
      assert.ok(!refused.stderr.includes("hush-hush") && !refused.stderr.includes(host), refused.stderr);
    });
  });
}

Deno.test("a reason is taken from the chain of causes, by code, and no message is repeated", () => {
  const secret = "postgres://fleet:hush-hush@host/fleet";
  const failure = (code: string, cause?: unknown): Error =>
    Object.assign(new Error(secret, { cause }), { code });
  const outer = new Error(secret, { cause: failure("unavailable", failure("28P01")) });
  assert.equal(reasonOf(outer), "the user or password was refused");
  assert.equal(reasonOf(failure("CONNECT_TIMEOUT")), "no answer in time");
  assert.equal(reasonOf(failure("EODD", new Error(secret))), "it failed with EODD");
  assert.equal(reasonOf(new Error(secret)), undefined);
});

Deno.test("serve --help names every variable that serve reads", async () => {
  const help = await run(...command("serve", "--help"));
  const others = [
    "AGENT_JWT_KEYS",
    "AGENT_SESSION_TTL_SECONDS",
    "AGENT_LIMIT_PER_OWNER",
    "OPENCLAW_TRUST_PROXY",
  ];
  assert.equal(help?.code, 0);
  for (const name of [...variables, ...others]) assert.ok(help?.stdout.includes(name), name);
});

function command(...args: string[]): [string, string[]] {
  const start = openclaw(args);
  return [start.program, start.args];
}
