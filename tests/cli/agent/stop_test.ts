import assert from "node:assert/strict";
import { join } from "node:path";
import { openclaw, temporaryFolder } from "../../_support/server.ts";
import {
  accepts,
  type Answer,
  type Caught,
  type FaultServer,
  greets,
  handshakesAndBeats,
  isHandshake,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import {
  type FastTime,
  identify,
  isBinary,
  isThere,
  makeAgent,
  type Run,
  run,
  type Running,
  start,
} from "../../_support/program.ts";
import { pause, until } from "../../_support/wait.ts";

/** On Windows a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";
/** A request that hangs is given up so late that a monitor that waits for it is ended by force. */
const patient = { replyTimeoutMs: 3_600_000 };

interface Stage {
  answer: Answer;
  args?: string[];
  command?: string[];
  time?: FastTime;
}

/** What a monitor did once it was told to stop. */
async function stopped(
  { answer, args = [], command = ["monitor", "--json"], time }: Stage,
  work: (stage: { monitor: Running; server: FaultServer }) => Promise<unknown>,
): Promise<Run & { after: string[] }> {
  using server = startFaultServer(answer);
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), server.url);
  const options = { home: home.path, env, ...(time === undefined ? {} : { time }) };
  await using monitor = start([...command, ...args], options);
  await work({ monitor, server });
  const before = server.caught.length;
  monitor.kill("SIGTERM");
  const ended = await monitor.ended;
  const after = server.caught.slice(before).map((caught) =>
    isHandshake(caught) ? "handshake" : String(JSON.parse(caught.body).status)
  );
  return { ...ended, after };
}

function isFarewell({ body }: Caught): boolean {
  return body.includes('"stopping"');
}

Deno.test("SIGHUP and then SIGTERM while a beat hangs: the stop does not wait for it", {
  ignore: windows,
}, async () => {
  const answer = handshakesAndBeats((caught) => isFarewell(caught) ? accepts() : "hang");
  const { code, after } = await stopped({ answer, time: patient }, async ({ monitor, server }) => {
    await server.until(2);
    monitor.kill("SIGHUP");
    // Nothing tells that it was heard; where it was not yet, less is proven.
    await pause(300);
  });
  assert.equal(code, 0);
  assert.deepEqual(after, ["stopping"]);
});

Deno.test("two orders to stop at once, as a task runner makes of a Ctrl-C, are one: the farewell is said", {
  ignore: windows,
}, async () => {
  const reply = accepts();
  assert.ok(typeof reply === "object");
  const late = { ...reply, afterMilliseconds: 500 };
  const answer = handshakesAndBeats((caught) => isFarewell(caught) ? late : reply);
  const { code, stdout } = await stopped({ answer }, async ({ monitor }) => {
    await monitor.until("heartbeat");
    monitor.kill("SIGINT");
    await pause(5);
    monitor.kill("SIGINT");
    await pause(5);
  });
  assert.equal(code, 0);
  assert.match(stdout, /stopped; the server was told/);
});

Deno.test("a stop says when the agent is to be back", { ignore: windows }, async () => {
  const bodies: string[] = [];
  const answer = handshakesAndBeats(({ body }) => {
    bodies.push(body);
    return accepts();
  });
  const stage = { answer, args: ["--back-in", "120"] };
  const { code } = await stopped(stage, ({ monitor }) => monitor.until("heartbeat"));
  assert.equal(code, 0);
  const said = bodies.map((body) => JSON.parse(body));
  assert.deepEqual(said.map((beat) => [beat.status, beat.back_in_seconds]), [
    ["healthy", undefined],
    ["stopping", 120],
  ]);
});

Deno.test("an order to stop while a handshake hangs is obeyed without waiting for its reply", {
  ignore: windows,
}, async () => {
  const { code, stdout } = await stopped(
    { answer: () => "hang", time: patient },
    ({ server }) => server.until(1),
  );
  assert.equal(code, 0);
  assert.match(stdout, /stopped; the server was not told/);
});

Deno.test("an order to stop while the status command runs does not wait for it, and says goodbye", {
  ignore: windows,
}, async () => {
  await using folder = await temporaryFolder();
  const [begun, done] = [join(folder.path, "begun"), join(folder.path, "done")];
  // It takes less than the 10 s that it may: of the host's clock, or of one that hardly moves.
  const seconds = isBinary ? 8 : 3600;
  const command = ["/bin/sh", "-c", `touch "$0"; sleep ${seconds}; touch "$1"`, begun, done];
  const args = ["--status-command", JSON.stringify(command)];
  const stage = { answer: handshakesAndBeats(), args, time: { clock: 1e-4 } };
  const { code, after } = await stopped(stage, () => until("the status command", () => isThere(begun)));
  assert.equal(code, 0);
  assert.deepEqual(after, ["stopping"]);
  assert.equal(await isThere(done), false);
});

Deno.test("an order to stop in the pause after a refused beat: a new session says goodbye", {
  ignore: windows,
}, async () => {
  const answer: Answer = (caught, index) => {
    if (isHandshake(caught)) return greets({ heartbeat_interval_seconds: 10 });
    return index > 1 ? accepts() : refuses("session_revoked");
  };
  // A clock that hardly moves: the pause of up to 10 s is not over before the order comes.
  const time = { clock: 1e-4 };
  const { code, after } = await stopped({ answer, time }, ({ monitor }) => monitor.until("session_revoked"));
  assert.equal(code, 0);
  assert.deepEqual(after, ["handshake", "stopping"]);
});

for (const command of [["monitor", "--once"], ["heartbeat"]]) {
  const name = `openclaw ${command.join(" ")} that is told to stop`;
  Deno.test(
    `${name} says no goodbye, and does not end as if it had beaten`,
    { ignore: windows },
    async () => {
      const answer = handshakesAndBeats(() => "hang");
      const { code, stderr, after } = await stopped({ answer, command }, ({ server }) => server.until(2));
      assert.equal(code, 1);
      assert.match(stderr, /told to stop before one was accepted/);
      assert.match(stderr, /^hint: /m);
      assert.deepEqual(after, []);
    },
  );
}

Deno.test("an order to stop is obeyed while the secret is still waited for", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using home = await temporaryFolder();
  const pipe = join(home.path, "pipe");
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  const flags = [
    "monitor",
    "--url",
    "http://127.0.0.1:1",
    "--agent-id",
    makeAgent().id,
    "--agent-secret-file",
  ];
  // At a pipe the system's own answer to the signal ends it.
  const sources = [{ source: "-", expected: 0 }, { source: pipe, expected: 143 }];
  await Promise.all(sources.map(async ({ source, expected }) => {
    const { program, args } = openclaw([...flags, source]);
    const options = { args, stdin: "piped", stdout: "null", stderr: "null" } as const;
    // It waits for the secret without a sign, so a signal that came before its listener is sent again, later.
    let code: number | null = null;
    for (const lateMs of [500, 3000, 12_000]) {
      const child = new Deno.Command(program, options).spawn();
      if (source === "-") await until("its answer to SIGTERM", () => catchesTerm(child.pid));
      await pause(lateMs);
      child.kill("SIGTERM");
      code = (await child.status).code;
      await child.stdin.close();
      if (code === expected) break;
    }
    assert.equal(code, expected, source);
  }));
});

/** Whether the program was started, and has an answer of its own to SIGTERM. */
async function catchesTerm(pid: number): Promise<boolean> {
  // Before it, the process is a copy of this one.
  if (!(await Deno.readTextFile(`/proc/${pid}/cmdline`)).includes("--agent-secret-file")) return false;
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)?.[1] ?? 0}`);
  return (caught >> 14n & 1n) === 1n;
}

Deno.test("one beat whose session is refused twice → refused", async () => {
  using server = startFaultServer((caught) =>
    isHandshake(caught) ? greets({ heartbeat_interval_seconds: 0 }) : refuses("token_invalid")
  );
  await using home = await temporaryFolder();
  const { code } = await run(["heartbeat"], { home: home.path, env: identify(makeAgent(), server.url) });
  assert.equal(code, 3);
  assert.equal(server.caught.length, 4);
});
