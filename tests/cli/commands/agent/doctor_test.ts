import assert from "node:assert/strict";
import { checkClock } from "../../../../cli/api/checks.ts";
import { greets, ours, startFaultServer } from "../../../_support/fault_server.ts";
import { namesIn, storeCredentials, writePrivate } from "../../../_support/home.ts";
import { closedPort } from "../../../_support/port.ts";
import { credentialsPath, identify, type Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertNoSecret } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { agentId, agentSecret } from "../../../_support/vectors.ts";

const agent = { id: agentId, secret: agentSecret };
const healthy = { ok: true, version: "1", database: "ok" };
const unix = Deno.build.os !== "windows";

/** The lines of the doctor's report that do not say "pass", each with its hint, but for the verdict at the end. */
function complaintsOf({ stdout }: Run): string[] {
  const lines = stdout.split(/\n(?=\S)/).map((line) => line.trimEnd());
  assert.match(lines.pop() ?? "", /^(Every check passed: |One check failed: |\d checks failed: )/);
  return lines.filter((line) => !line.startsWith("pass"));
}

/** Each check of `openclaw doctor --json`, and whether all is well. */
function checksOf({ stdout, stderr }: Run): [name: string, ok: boolean | null][] {
  assert.equal(stderr, "");
  const { checks } = JSON.parse(stdout);
  return checks.map(({ name, ok }: { name: string; ok: boolean | null }) => [name, ok]);
}

Deno.test("openclaw doctor against a port where nothing listens fails at tcp, and asks no more", async () => {
  await using home = await temporaryFolder();
  const url = closedPort();
  const { port } = new URL(url);
  const options = { home: home.path, env: identify(agent, url) };
  const [ended, inJson] = await Promise.all([
    runInSession(["doctor"], options),
    runInSession(["doctor", "--json"], options),
  ]);
  assert.deepEqual([ended.code, ended.stderr], [6, ""], ended.stdout);
  const says =
    `^FAIL  tcp +port ${port} of 127\\.0\\.0\\.1 cannot be reached: .+\\n +hint: (deno task )?openclaw(-server)? serve, or `;
  assert.match(complaintsOf(ended).at(-1) ?? "", new RegExp(says));
  assert.equal(ended.stdout.match(/^FAIL/gm)?.length, 1, ended.stdout);
  assert.match(ended.stdout, /\nOne check failed: tcp\n$/);
  assert.doesNotMatch(ended.stdout, /^\S+ +(tls|service|handshake)/m);
  assert.deepEqual(checksOf(inJson), [
    ["credentials", true],
    ["url", true],
    ["proxy", null],
    ["dns", null],
    ["tcp", false],
  ]);
});

Deno.test("openclaw doctor --json is one object whatever is wrong, and the first that fails decides", async () => {
  await using home = await temporaryFolder();
  const ended = await runInSession(["doctor", "--json", "--url", "https://nowhere.invalid"], {
    home: home.path,
  });
  assert.equal(ended.code, 2, "there are no credentials");
  assert.equal(JSON.parse(ended.stdout).ok, false);
  const failed = checksOf(ended).filter(([, ok]) => ok === false);
  assert.deepEqual(failed.map(([name]) => name), ["credentials", "dns"]);
});

const clocks: [offset: string, serverTime: number | null, ok: boolean | null, detail: RegExp][] = [
  ["that the server does not tell", null, null, /did not tell its time/],
  ["as the server's", 10_000, true, /^within 1 s of the server's$/],
  ["29 s ahead", 10_000 - 29_000, true, /^within 29 s of the server's$/],
  ["31 s ahead", 10_000 - 31_000, false, /^this host is 31 s ahead of the server$/],
  ["17 minutes behind", 10_000 + 17 * 60_000, false, /^this host is 17 min behind the server$/],
  ["3 hours ahead", 10_000 - 3 * 3_600_000, false, /^this host is 3 h ahead of the server$/],
];

for (const [offset, serverTime, ok, detail] of clocks) {
  Deno.test(`a clock ${offset} ${ok === null ? "cannot be told" : ok ? "is well" : "is a fault, with a hint"}`, () => {
    const check = checkClock({ serverTime, sentAt: 9_000, receivedAt: 11_000 });
    assert.equal(check.ok, ok);
    assert.match(check.detail, detail);
    assert.equal(check.hint !== undefined, ok === false);
  });
}

Deno.test("openclaw doctor tells a clock that is 17 minutes behind, how to mend it, and goes on", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(({ path }) => {
    if (path.endsWith("/health")) return ours(healthy);
    const server_time = new Date(Date.now() + 17 * 60_000).toISOString();
    if (path.endsWith("/handshake")) return greets({ server_time });
    const seen = { liveness: "online", last_seen_at: server_time, heartbeat_interval_seconds: 60 };
    return ours({ agent: { id: agentId, name: "edge 1", ...seen }, server_time });
  });
  const { code, stdout } = await runInSession(["doctor"], {
    home: home.path,
    env: identify(agent, server.url),
  });
  assert.equal(code, 1);
  assert.match(stdout, /FAIL {2}clock +this host is 17 min behind the server\n +hint: /);
  if (Deno.build.os === "linux") assert.match(stdout, /hint: sudo timedatectl set-ntp true/);
  assert.match(stdout, /pass {2}handshake/);
  assert.match(stdout, /pass {2}heartbeat/);
});

interface Stored {
  name: string;
  ignore?: boolean;
  text?: (text: string) => string;
  spoil?: (path: string) => Promise<void>;
  /** 3 unless it says otherwise: others may read the file. */
  code?: number;
  says: RegExp;
}

const whole = (text: string): string => text;

const unusable: Stored[] = [
  {
    name: "that others may read",
    ignore: !unix,
    spoil: (path) => Deno.chmod(path, 0o644),
    says: /its mode is 0644.*\n +hint: chmod 600 '.*credentials\.json'$/,
  },
  {
    name: "of another user",
    ignore: !unix || Deno.uid() !== 0,
    spoil: (path) => Deno.chown(path, 12_345, 12_345),
    says: /it belongs to user 12345.*\n +hint: chown 0 '.*credentials\.json'$/,
  },
  {
    name: "with a mistyped secret",
    text: (text) => text.replace("CAwQ", "CAwR"),
    code: 2,
    says:
      /"agent_secret" cannot be right: its checksum does not fit.*\n +hint: (deno task )?openclaw(-server)? configure$/,
  },
  {
    name: "that is not JSON",
    text: (text) => text.replaceAll('"', ""),
    code: 2,
    says: /it is not a JSON object.*\n +hint: (deno task )?openclaw(-server)? configure$/,
  },
  {
    name: "that is cut",
    text: (text) => text.slice(0, -3),
    code: 2,
    says: /it is not a JSON object.*\n +hint: (deno task )?openclaw(-server)? configure$/,
  },
];

for (const { name, ignore = false, text = whole, spoil, code = 3, says } of unusable) {
  for (const given of ["", " and an agent in the flags"]) {
    Deno.test({
      name:
        `openclaw doctor with a credentials file ${name}${given} → exit code ${code}, with a hint, and no server is asked`,
      ignore,
      async fn() {
        await using home = await temporaryFolder();
        using server = startFaultServer(() => greets());
        await storeCredentials(home.path, server.url, agent);
        const path = credentialsPath(home.path);
        await writePrivate(path, text(await Deno.readTextFile(path)));
        await spoil?.(path);
        const before = await namesIn(home.path);
        const flags = given === "" ? [] : ["--agent-id", agentId, "--agent-secret-file", "-"];
        const ended = await runInSession(["doctor", ...flags], { home: home.path, stdin: agentSecret });
        assert.equal(ended.code, code, ended.stderr + ended.stdout);
        const [credentials = "", ...rest] = complaintsOf(ended);
        assert.match(credentials, /^FAIL {2}credentials +Cannot use the credentials file /);
        assert.match(credentials, says);
        assert.deepEqual(rest.map((line) => /^\S+ +\S+/.exec(line)?.[0]), ["FAIL  url"]);
        assert.doesNotMatch(ended.stdout, /^pass|54321/m);
        assertNoSecret(ended.stdout + ended.stderr);
        assert.equal(server.caught.length, 0);
        assert.deepEqual(await namesIn(home.path), before);
      },
    });
  }
}

Deno.test("openclaw doctor --url with a credentials file that may not be used still looks at the way there", async () => {
  await using home = await temporaryFolder();
  using server = startFaultServer(() => ours(healthy));
  await writePrivate(credentialsPath(home.path), "{}");
  const ended = await runInSession(["doctor", "--url", server.url], { home: home.path });
  assert.equal(ended.code, 2, ended.stdout);
  assert.match(ended.stdout, /^FAIL {2}credentials /m);
  assert.match(ended.stdout, /^pass {2}service /m);
  assert.deepEqual(server.caught.map(({ path }) => path), ["/functions/v1/health"]);
});

const proxies: [name: string, value: string][] = [
  ["HTTPS_PROXY", "::::"],
  // Windows knows one variable, however it is written.
  ...(unix ? [["https_proxy", "http://"] as [string, string]] : []),
  ["ALL_PROXY", "::::"],
];

for (const [name, value] of proxies) {
  Deno.test(`openclaw doctor with ${name}=${value}, which is not an address → usage, and it names the variable`, async () => {
    await using home = await temporaryFolder();
    const env = { ...identify(agent, "https://fleet.example"), [name]: value };
    const ended = await runInSession(["doctor"], { home: home.path, env });
    assert.equal(ended.code, 2, ended.stderr + ended.stdout);
    assert.deepEqual(complaintsOf(ended), [
      `FAIL  proxy       Cannot use the proxy of ${name}: it is not an address\n` +
      `${" ".repeat(18)}hint: export ${name}=http://proxy.example.com:3128`,
    ]);
    assert.doesNotMatch(ended.stdout, /^\S+ +(dns|tcp|tls|service)/m);
  });
}
