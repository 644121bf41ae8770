import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { beatsOf, type Fault, refuses } from "../../../_support/fault_server.ts";
import { namesIn, writePrivate } from "../../../_support/home.ts";
import { closedPort } from "../../../_support/port.ts";
import {
  configureHome,
  credentialsPath,
  identify,
  isBinary,
  isThere,
  makeAgent,
  type RunOptions,
  start,
} from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertNoSecret, assertRefused } from "../../../_support/refused.ts";
import { type Asked, startRotatingServer } from "../../../_support/rotating_server.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";
import { enrollmentCode as code } from "../../../_support/vectors.ts";
import { until } from "../../../_support/wait.ts";

const time = { clock: 20 };
const unix = Deno.build.os !== "windows";

function idPath(home: string): string {
  return join(dirname(credentialsPath(home)), "enrollment-id");
}

/** The ways to give a code. Its secret part is that of `vectors.ts`. */
const ways: { name: string; args: string[]; given: (home: string) => Omit<RunOptions, "home"> }[] = [
  { name: "a file", args: ["--code-file", "code.txt"], given: () => ({}) },
  { name: "stdin", args: ["--code-file", "-"], given: () => ({ stdin: `${code}\n` }) },
  { name: "a variable", args: [], given: () => ({ env: { OPENCLAW_ENROLLMENT_CODE: code } }) },
  {
    name: "a variable that names a file",
    args: [],
    given: (home) => ({ env: { OPENCLAW_ENROLLMENT_CODE_FILE: join(home, "code.txt") } }),
  },
];

for (const { name, args, given } of ways) {
  Deno.test(`openclaw enroll with the code from ${name}: an agent of its own, stored 0600, and no id is left`, async () => {
    await using home = await temporaryFolder();
    using server = startRotatingServer(null, { code });
    await writePrivate(join(home.path, "code.txt"), `${code}\n`);
    const options = { home: home.path, ...given(home.path) };
    const said = await runInSession(["enroll", "--url", server.url, ...args], options);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stderr, /the server accepted this host as agent "agent /);
    assertNoSecret(said.stderr + said.stdout);
    const path = credentialsPath(home.path);
    const stored = JSON.parse(await Deno.readTextFile(path));
    assert.equal(stored.agent_secret, server.world.rows.get(stored.agent_id)?.current);
    assert.deepEqual(await namesIn(dirname(path)), ["credentials.json"]);
    if (unix) assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const { handshake, enroll } = server.world.counts;
    assert.deepEqual([handshake, enroll], [1, 1]);
    const asked = JSON.parse(server.caught.find(({ path }) => path.endsWith("/enroll"))?.body ?? "{}");
    assert.deepEqual(Object.keys(asked), ["code", "enrollment_id", "client"]);
    assert.deepEqual(asked.client.supports, ["adopt", "rotate"]);
    assert.equal((await runInSession(["heartbeat"], { home: home.path })).code, 0);
  });
}

/** What the file with the id holds, and its rights, at this moment. */
function look(path: string): { id: string; mode: number | null } {
  return { id: Deno.readTextFileSync(path).trim(), mode: Deno.statSync(path).mode };
}

Deno.test("openclaw enroll has its id on the disk, 0600, before it asks", async () => {
  await using home = await temporaryFolder();
  const found: ReturnType<typeof look>[] = [];
  using server = startRotatingServer(null, {
    code,
    spoil(asked) {
      if (asked === "enroll") found.push(look(idPath(home.path)));
      return null;
    },
  });
  const env = { OPENCLAW_ENROLLMENT_CODE: code };
  assert.equal((await runInSession(["enroll", "--url", server.url], { home: home.path, env })).code, 0);
  const [{ id, mode } = { id: "", mode: null }] = found;
  assert.match(id, /^[\w-]{43}$/);
  assert.ok(server.world.enrolled.has(id));
  if (unix) assert.equal((mode ?? 0) & 0o777, 0o600);
});

/** A first try that fails; the second one gets the same agent. */
const cut: { name: string; asked: Asked; fault: Fault; code: number; agents: number }[] = [
  { name: "whose reply is lost", asked: "enroll", fault: "cut", code: 6, agents: 1 },
  { name: "at a server that fails", asked: "enroll", fault: refuses("internal", 500), code: 6, agents: 1 },
  { name: "whose handshake is lost", asked: "handshake", fault: "cut", code: 0, agents: 1 },
  {
    name: "whose progress nobody takes",
    asked: "progress",
    fault: refuses("internal", 500),
    code: 0,
    agents: 1,
  },
];

for (const { name, asked, fault, code: expected, agents } of cut) {
  Deno.test(`openclaw enroll ${name}, done again, is one agent`, async () => {
    await using home = await temporaryFolder();
    let isSpoiled = false;
    using server = startRotatingServer(null, {
      code,
      spoil(what) {
        if (what !== asked || isSpoiled) return null;
        isSpoiled = true;
        return fault;
      },
    });
    const options = { home: home.path, env: { OPENCLAW_ENROLLMENT_CODE: code } };
    const first = await runInSession(["enroll", "--url", server.url], options);
    assert.equal(first.code, expected, first.stderr);
    const second = await runInSession(["enroll", "--url", server.url], options);
    assert.equal(second.code, 0, second.stderr);
    assert.equal(server.world.enrolled.size, agents);
    assert.equal((await runInSession(["heartbeat"], { home: home.path })).code, 0);
    assert.deepEqual(await namesIn(dirname(credentialsPath(home.path))), ["credentials.json"]);
  });
}

Deno.test("openclaw enroll that is killed before the reply, done again, is the same agent", async () => {
  await using home = await temporaryFolder();
  let isKilled = false;
  using server = startRotatingServer(null, {
    code,
    spoil: (asked) => asked === "enroll" && !isKilled ? (isKilled = true, "hang") : null,
  });
  const options = { home: home.path, env: { OPENCLAW_ENROLLMENT_CODE: code } };
  {
    await using enrolling = start(["enroll", "--url", server.url], options);
    await until("the request", () => isKilled);
    await enrolling.end();
  }
  assert.equal(await isThere(credentialsPath(home.path)), false);
  const { code: ended, stderr } = await runInSession(["enroll", "--url", server.url], options);
  assert.equal(ended, 0, stderr);
  assert.equal(server.world.enrolled.size, 1);
});

const refused: { name: string; args?: string[]; env?: Record<string, string>; code: number; says: RegExp }[] =
  [
    { name: "without a code", code: 2, says: /there is no enrollment code/ },
    {
      name: "with a code that was cut",
      env: { OPENCLAW_ENROLLMENT_CODE: code.slice(0, -1) },
      code: 2,
      says: /Cannot use the enrollment code: it has 53 characters/,
    },
    {
      name: "with an agent's secret in place of a code",
      env: { OPENCLAW_ENROLLMENT_CODE: code.replace("oce_", "ocs_") },
      code: 2,
      says: /it is not of the form "oce_/,
    },
    {
      name: "with two codes",
      env: { OPENCLAW_ENROLLMENT_CODE: code, OPENCLAW_ENROLLMENT_CODE_FILE: "code.txt" },
      code: 2,
      says: /Cannot tell which code to use/,
    },
    {
      name: "with a file that is not there",
      args: ["--code-file", "nowhere.txt"],
      code: 4,
      says: /Cannot read the enrollment code from "nowhere.txt": there is no such file/,
    },
  ];

for (const { name, args = [], env = {}, code: expected, says } of refused) {
  Deno.test(`openclaw enroll ${name} → ${expected}, no request, and nothing is written`, async () => {
    await using home = await temporaryFolder();
    using server = startRotatingServer(null, { code });
    assertRefused(
      await runInSession(["enroll", "--url", server.url, ...args], { home: home.path, env }),
      expected,
      says,
    );
    assert.equal(server.caught.length, 0);
    assert.deepEqual(await namesIn(home.path), []);
  });
}

Deno.test("openclaw enroll with a code that the server refuses → 3, and no credentials", async () => {
  await using home = await temporaryFolder();
  using server = startRotatingServer(null);
  const env = { OPENCLAW_ENROLLMENT_CODE: code };
  assertRefused(
    await runInSession(["enroll", "--url", server.url], { home: home.path, env }),
    3,
    /invalid_credentials/,
  );
  assert.equal(await isThere(credentialsPath(home.path)), false);
});

Deno.test("openclaw enroll at a server that is down → 6, and no credentials", async () => {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_ENROLLMENT_CODE: code };
  assertRefused(
    await runInSession(["enroll", "--url", closedPort()], { home: home.path, env }),
    6,
    /Cannot reach the server/,
  );
  assert.equal(await isThere(credentialsPath(home.path)), false);
});

Deno.test("on a host that is enrolled already, a code is ignored with a line: no request, the same file", async () => {
  await using home = await temporaryFolder();
  using server = startRotatingServer(null, { code });
  await configureHome(home.path, makeAgent(), server.url);
  const before = await Deno.readTextFile(credentialsPath(home.path));
  const env = { OPENCLAW_ENROLLMENT_CODE: code };
  const { code: ended, stderr } = await runInSession(["enroll", "--url", server.url], {
    home: home.path,
    env,
  });
  assert.deepEqual([ended, stderr], [0, "this host is enrolled already: the enrollment code is not used\n"]);
  await using other = await temporaryFolder();
  const named = { ...identify(makeAgent(), server.url), ...env };
  assert.equal((await runInSession(["enroll"], { home: other.path, env: named })).code, 0);
  assert.equal(server.caught.length, 0);
  assert.equal(await Deno.readTextFile(credentialsPath(home.path)), before);
});

for (
  const { name, args, says } of [
    { name: "in memory", args: ["-t", "tmpfs", "tmpfs"], says: /is no place that lasts: it is in memory/ },
    {
      name: "that is read-only",
      args: ["-t", "tmpfs", "-o", "ro", "tmpfs"],
      says: /is no place that lasts: Read-only/,
    },
  ]
) {
  for (const command of ["enroll", "monitor"]) {
    testWith(
      ["root", "mount"],
      `openclaw ${command} in a home ${name} → 2, with the hint to mount one, and no request`,
      async () => {
        await using home = await temporaryFolder();
        using server = startRotatingServer(null, { code });
        assert.ok((await new Deno.Command("mount", { args: [...args, home.path] }).output()).success);
        try {
          const env = { OPENCLAW_ENROLLMENT_CODE: code, OPENCLAW_URL: server.url };
          const ended = await runInSession([command], { home: home.path, env });
          assertRefused(ended, 2, says);
          assert.match(ended.stderr, /hint: mount a volume there: docker run -v openclaw-agent:/);
          assert.equal(server.caught.length, 0);
        } finally {
          await new Deno.Command("umount", { args: ["-l", home.path] }).output();
        }
      },
    );
  }
}

Deno.test("openclaw monitor with a code in the environment enrolls, beats, and gives the code to no child", async () => {
  await using home = await temporaryFolder();
  using server = startRotatingServer(null, { code });
  const seen = join(home.path, "seen");
  const script = join(home.path, "status.sh");
  await Deno.writeTextFile(script, `#!/bin/sh\nenv >${seen}\n`, { mode: 0o700 });
  const env = { OPENCLAW_ENROLLMENT_CODE: code, OPENCLAW_URL: server.url };
  const args = ["monitor", "--json", ...(unix ? ["--status-command", script] : [])];
  await using monitor = start(args, { home: home.path, env, time });
  await monitor.until("heartbeat", 2);
  assert.deepEqual(monitor.events().slice(0, 4).map(({ event }) => event), [
    "enrolled",
    "started",
    "handshake",
    "heartbeat",
  ]);
  assert.equal(await isThere(idPath(home.path)), false);
  assert.deepEqual([server.world.counts.enroll, server.world.enrolled.size], [1, 1]);
  assertNoSecret(monitor.output.stdout + monitor.output.stderr);
  if (unix) assert.doesNotMatch(await Deno.readTextFile(seen), /OPENCLAW_ENROLLMENT|oce_/);
});

Deno.test("openclaw monitor on a host that is enrolled already says so, and does not use the code", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { code });
  await configureHome(home.path, agent, server.url);
  const env = { OPENCLAW_ENROLLMENT_CODE: code };
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time });
  await monitor.until("heartbeat");
  assert.equal(monitor.events().filter(({ event }) => event === "enrolled_already").length, 1);
  assert.equal(server.world.counts.enroll, 0);
});

Deno.test("openclaw monitor with a code waits for a server that is down, and says so once", {
  ignore: isBinary,
}, async () => {
  await using home = await temporaryFolder();
  let failures = 0;
  using server = startRotatingServer(null, {
    code,
    spoil: (asked) =>
      asked === "enroll" && failures < 3 ? (failures += 1, refuses("unavailable", 503)) : null,
  });
  const env = { OPENCLAW_ENROLLMENT_CODE: code, OPENCLAW_URL: server.url };
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time: { clock: 200 } });
  await monitor.until("heartbeat");
  assert.equal(failures, 3);
  assert.equal(server.world.enrolled.size, 1);
  const told = monitor.events().filter(({ event, level }) => event === "outage" && level === "warn");
  assert.equal(told.length, 1);
});

Deno.test(
  "openclaw monitor with a code that is refused says so once, asks again, and reads another code from the file",
  { ignore: isBinary },
  async () => {
    await using home = await temporaryFolder();
    using server = startRotatingServer(null, { code });
    const file = join(home.path, "code.txt");
    const other = "oce_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE_";
    await writePrivate(file, await withChecksum(other));
    const env = { OPENCLAW_ENROLLMENT_CODE_FILE: file, OPENCLAW_URL: server.url };
    await using monitor = start(["monitor", "--json"], { home: home.path, env, time: { clock: 200 } });
    await monitor.until("refused", 2);
    assert.deepEqual(monitor.events().map(({ level }) => level).slice(0, 2), ["error", "debug"]);
    assert.equal(beatsOf(server).length, 0);
    await writePrivate(file, code);
    if (unix) monitor.kill("SIGHUP");
    await monitor.until("heartbeat");
  },
);

Deno.test(
  "openclaw monitor that is told to stop while it waits to enroll ends with 0",
  { ignore: !unix },
  async () => {
    await using home = await temporaryFolder();
    using server = startRotatingServer(null);
    const env = { OPENCLAW_ENROLLMENT_CODE: code, OPENCLAW_URL: server.url };
    await using monitor = start(["monitor", "--json"], { home: home.path, env });
    await monitor.until("refused");
    monitor.kill("SIGTERM");
    assert.equal((await monitor.ended).code, 0);
  },
);

/** A code from its first 48 characters. */
async function withChecksum(start: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(start.slice(0, 47)));
  const bytes = String.fromCharCode(...new Uint8Array(digest).subarray(0, 4));
  return `${start}${btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}
