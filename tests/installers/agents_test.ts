import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { AgentSession } from "../_support/agent_session.ts";
import {
  assertEnded,
  bash,
  busybox,
  Host,
  type Language,
  powershell,
  python,
  run,
  sh,
  zsh,
} from "../_support/installers.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { pause, until as untilSoon } from "../_support/wait.ts";
import {
  placeAgent,
  placeAgentThatWaits,
  planJumps,
  refusal,
  type Script,
  type Seen,
  slept,
  sleptMore,
  startAgent,
  well,
  withFake,
} from "./_agents.ts";
import { forward, withFront } from "./_front.ts";
import { tellReturn } from "./_return.ts";
import { credentialsText } from "./_scene.ts";
import { type Fleet, type Step, testSteps } from "./_steps.ts";

interface Scene extends Fleet {
  host: Host;
}

/** On a busy machine, a start of PowerShell takes long. Many stories ask one server at once. */
async function until<Value>(what: string, ask: () => Promise<Value> | Value): Promise<void> {
  await untilSoon(what, async () => Boolean(await ask()), { timeoutMs: 300_000, everyMs: 200 });
}

interface Story {
  name: string;
  work: (scene: Scene) => Promise<void>;
}

const stories: Story[] = [
  {
    name:
      "a session is renewed before it ends, no beat is refused, and told to stop, it says so to the server",
    work: renewed,
  },
  { name: "after an outage of a minute the agent is back", work: outage },
  { name: "a revoked agent says so once, stays, and beats no more", work: revoked },
  { name: "it beats when the server says, and each beat has a greater seq", work: paced },
  { name: "a session that was refused is replaced once, and then it is an outage", work: secondChance },
  { name: "what the server does not take is called so, and sent again as after an outage", work: notTaken },
  { name: "refused, it asks again after a minute, four minutes and so on", work: notWanted },
  { name: "an outage is waited for longer and longer, and never shorter than retry-after", work: backoff },
  { name: "a host that was asleep beats at once", work: asleep },
  { name: "a host that dozes again and again still beats", work: dozing },
  {
    name: "a host that was asleep keeps what a server was promised, and does not retry a refusal sooner",
    work: promisedAsleep,
  },
  { name: "a session that grew old in a sleep is replaced before it is used", work: oldAsleep },
  { name: "a renewal that fails leaves the session, and it says goodbye with it", work: failedRenewal },
  { name: "told to stop while a renewal hangs, it says goodbye at once", work: hungRenewal },
  { name: "the interval of the last reply counts", work: newInterval },
  { name: "a server that dribbles is an outage when its time is over", work: dribbled },
  {
    name:
      "at SIGHUP it reads the credentials again, leaves another agent's session with a goodbye, and keeps what it " +
      "has where the file is broken",
    work: reloaded,
  },
  { name: "waits that are no sane number are at least a second and at most a day", work: oddWaits },
  {
    name: "told to stop, it says when it is to be back, if it was told",
    work: ({ host }) => tellReturn(host, true),
  },
];

for (const language of [sh, python, powershell]) {
  const sessions = new Set<AgentSession>();
  const free: AgentSession[] = [];
  const steps = stories.map(({ name, work }): Step => ({
    name,
    tools: language.tools,
    async work({ folder, ...given }) {
      const host = new Host(language, folder);
      if (language === powershell) {
        host.session = free.pop() ?? new AgentSession(join(folder, ".."));
        sessions.add(host.session);
      }
      await placeAgent(host);
      await work({ host, ...given });
      if (host.session !== null) free.push(host.session);
    },
  }));
  // The stories wait rather than work, so they are told all at once. In PowerShell each of these threads of them has a
  // process.
  testSteps(`the agent of ${language.name}`, steps, {
    // The server's clock is that of this host, and no session of a story may end by it, however busy the host is.
    env: { AGENT_SESSION_TTL_SECONDS: "600" },
    sideBySide: language === powershell ? 3 : stories.length,
    async atTheEnd() {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    },
  });
}

testWith([...sh.tools], "the agent of install.sh does not spin where it cannot sleep", async () => {
  await withHost(sh, async (host) => {
    const bin = join(host.home, "bin");
    await Deno.mkdir(bin);
    await Deno.writeTextFile(join(bin, "sleep"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const env = { HOME: host.home, PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
    await withFront(
      (request) => well({ at: 0, path: pathOf(request), body: {}, token: null }),
      async (url) => {
        await Deno.writeTextFile(
          host.credentials,
          credentialsText({ id: agentId, secret: agentSecret }, url),
        );
        assertEnded(await run([host.program, "monitor"], { env }), 1, /Cannot wait: "sleep" fails/);
      },
    );
  });
});

for (const language of [sh, bash, busybox, zsh]) {
  testWith(
    [...sh.tools, ...language.tools],
    `the agent of install.sh lives and ends well under ${language.command.join(" ")}`,
    () => withHost(sh, (host) => livesAndEnds(host, language.command)),
  );
}

async function livesAndEnds(host: Host, shell: string[]): Promise<void> {
  await placeAgentThatWaits(host, 600);
  const over = Promise.withResolvers<void>();
  const script: Script = async (one, index) => {
    // The last one hangs until the agent has gone.
    if (index === 6 && one.body.status !== "stopping") await over.promise;
    return index === 2 ? refusal("session_revoked", 401) : well(one);
  };
  host.shell = shell;
  await withFake(host, script, async ({ seen, until, agent }) => {
    await until(7);
    const asked = performance.now();
    const code = await agent.stop();
    over.resolve();
    assert.equal(code, 0);
    assert.ok(performance.now() - asked < atOnceMs, "it waited for the reply");
    assert.equal(agent.said(), "");
    assert.deepEqual(seen.map(({ path }) => path).slice(0, 5), [
      "handshake",
      "heartbeat",
      "heartbeat",
      "handshake",
      "heartbeat",
    ]);
    assert.equal(seen.at(-1)?.body.status, "stopping");
  });
}

/** Far more than it takes on a busy machine, and far less than the 600 s of an agent that waits. */
const atOnceMs = 60_000;

async function withHost(language: Language, work: (host: Host) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder();
  const host = new Host(language, folder.path);
  await placeAgent(host);
  await work(host);
}

/** Gives the installed agent credentials of its own, and lets it speak to the server by way of a front. */
async function enrolled({ host, url, fleet }: Scene, front = url): Promise<string> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  await Deno.writeTextFile(host.credentials, credentialsText(agent, front));
  return agent.id;
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname.replace("/functions/v1/", "");
}

async function renewed(scene: Scene): Promise<void> {
  const seen: { path: string; at: number; status: number }[] = [];
  const front = async (request: Request): Promise<Response> => {
    const at = await slept(scene.host);
    const reply = await forward(request, scene.url, tenTimesSooner);
    seen.push({ path: pathOf(request), at, status: reply.status });
    return reply;
  };
  await withFront(front, async (url) => {
    const id = await enrolled(scene, url);
    const agent = await startAgent(scene.host, true);
    const handshakes = (): typeof seen => seen.filter(({ path }) => path === "handshake");
    await until(
      "a beat by the second session",
      () => handshakes().length === 2 && seen.at(-1)?.path === "heartbeat",
    );
    assert.equal((await scene.fleet.agent(id)).liveness, "online");
    assert.equal(await agent.stop(), 0, agent.said());
    assert.equal((await scene.fleet.agent(id)).liveness, "stopped");
    assert.equal(agent.said(), "");
    assert.deepEqual(seen.filter(({ status }) => status !== 200), []);
    const [first, second] = handshakes();
    assert.ok(first !== undefined && second !== undefined, "there was no second handshake");
    const after = second.at - first.at;
    assert.ok(after >= 41 && after < 60, `renewed after ${after} s`);
    const between = seen.filter(({ path, at }) => path === "heartbeat" && at < second.at);
    assert.ok(between.length >= 4, `only ${between.length} beats`);
  });
}

/** As if the session that the server gave ended after a tenth of its time. */
function tenTimesSooner(body: Record<string, unknown>): string {
  const { refresh_in } = body;
  return JSON.stringify(typeof refresh_in === "number" ? { ...body, refresh_in: refresh_in / 10 } : body);
}

async function outage(scene: Scene): Promise<void> {
  using line = await startLine(Number(new URL(scene.url).port));
  const id = await enrolled(scene, `http://127.0.0.1:${line.port}`);
  const agent = await startAgent(scene.host, true);
  const lastSeen = async (): Promise<unknown> => (await scene.fleet.agent(id)).last_seen_at;
  await until("a beat", lastSeen);
  line.isCut = true;
  await until("the agent to notice", () => agent.said() !== "");
  const before = await lastSeen();
  await sleptMore(scene.host, 60);
  assert.ok(agent.isAlive());
  assert.equal(await lastSeen(), before);
  line.isCut = false;
  await until("another beat", async () => await lastSeen() !== before);
  // The server notes a beat before the agent has read the reply.
  await until("the agent to notice", () => agent.said().includes("the server answers again"));
  assert.equal((await scene.fleet.agent(id)).liveness, "online");
  assert.equal(await agent.stop(), 0, agent.said());
  assert.match(agent.said(), /^no heartbeat: no reply: .*; trying again\nthe server answers again\n$/);
}

/** A line to a port of this host, which can be cut. */
interface Line extends Disposable {
  port: number;
  isCut: boolean;
}

async function startLine(target: number): Promise<Line> {
  const server = createServer((near) => {
    if (line.isCut) return void near.destroy();
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : assert.fail("it has no port");
  const line: Line = { port, isCut: false, [Symbol.dispose]: () => void server.close() };
  return line;
}

async function revoked(scene: Scene): Promise<void> {
  const id = await enrolled(scene);
  const agent = await startAgent(scene.host, true);
  await until("the agent to be online", async () => (await scene.fleet.agent(id)).liveness === "online");
  const credentials = await Deno.readTextFile(scene.host.credentials);
  await scene.fleet.revoke(id);
  const refused = /the server refuses this agent: .*; will keep retrying/g;
  await until("the agent to notice", () => agent.said().match(refused));
  const { last_seen_at } = await scene.fleet.agent(id);
  // It asks again in 48 to 72 s.
  await sleptMore(scene.host, 80);
  assert.ok(agent.isAlive());
  assert.equal((await scene.fleet.agent(id)).last_seen_at, last_seen_at);
  assert.equal(await agent.stop(), 0, agent.said());
  assert.equal(agent.said().match(refused)?.length, 1);
  assert.equal(await Deno.readTextFile(scene.host.credentials), credentials);
}

async function paced(scene: Scene): Promise<void> {
  const script: Script = (one, index) => well(one, { beatIn: index % 2 === 0 ? 7 : 3 });
  await withFake(scene.host, script, async ({ seen, until }) => {
    await until(6);
    const [handshake, ...beats] = seen;
    assert.equal(handshake?.path, "handshake");
    assert.equal(handshake?.token, null);
    assert.deepEqual(beats.map(({ path }) => path), Array.from(beats, () => "heartbeat"));
    assert.deepEqual(beats.map(({ body }) => body.seq), beats.map((_, index) => index + 1));
    assert.deepEqual(
      new Set(beats.map(({ body }) => body.instance_id)),
      new Set([handshake?.body.instance_id]),
    );
    assert.ok(beats.every(({ token, body }) => token === "Bearer a.b.0" && body.status === "healthy"));
    assertWaits(beats, [[3, 3], [7, 7], [3, 3], [7, 7]]);
  });
}

async function secondChance(scene: Scene): Promise<void> {
  const script: Script = (one, index) =>
    [1, 3].includes(index) ? refusal(index === 1 ? "token_expired" : "session_revoked", 401) : well(one);
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(7);
    const paths = seen.map(({ path }) => path);
    const session = ["handshake", "heartbeat"];
    assert.deepEqual(paths.slice(0, 7), [...session, ...session, ...session, "heartbeat"]);
    // A handshake and its beat are together; what follows a refusal comes within the interval.
    assertWaits(seen.slice(0, 7), [[0, 0], [0, 5], [0, 0], [0, 5], [0, 0], [5, 5]]);
    assert.match(
      agent.said(),
      /^no heartbeat: the server answers 401 session_revoked: .*\nthe server answers again\n$/,
    );
  });
}

async function notTaken(scene: Scene): Promise<void> {
  const script: Script = (one, index) => index === 1 ? refusal("invalid_request", 400) : well(one);
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(3);
    assert.deepEqual(seen.map(({ path }) => path).slice(0, 3), ["handshake", "heartbeat", "heartbeat"]);
    assertWaits(seen.slice(1, 3), [[0, 5]]);
    await untilSoon("the end of the outage", () => agent.said().includes("answers again"));
    assert.equal(
      agent.said(),
      "the server does not take what this agent sends: the server answers 400 invalid_request: " +
        "Cannot do it: it is a test; trying again\nthe server answers again\n",
    );
  });
}

async function notWanted(scene: Scene): Promise<void> {
  const script: Script = (one, index) => index < 2 ? refusal("invalid_credentials", 401) : well(one);
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(4);
    assertWaits(seen.slice(0, 4), [[48, 72], [192, 288], [0, 0]]);
    assert.match(
      agent.said(),
      /^the server refuses this agent: .*; will keep retrying\nthe server accepts this agent again\n$/,
    );
  });
}

async function reloaded({ host }: Scene): Promise<void> {
  await withFake(host, (one) => well(one, { beatIn: 20 }), async ({ seen, until: requests, agent }) => {
    await requests(2);
    const text = await Deno.readTextFile(host.credentials);
    await Deno.writeTextFile(host.credentials, "{");
    Deno.kill(agent.pid, "SIGHUP");
    await until("the agent to say so", () => agent.said() !== "");
    await requests(seen.length + 1);
    assert.equal(seen.at(-1)?.path, "heartbeat");
    const kept = /^Cannot read ".*" again: the earlier credentials stay in use\n/;
    assert.match(agent.said(), new RegExp(`${kept.source}$`));
    const other = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
    await Deno.writeTextFile(host.credentials, text.replace(/"agent_id": "[^"]*"/, `"agent_id": "${other}"`));
    Deno.kill(agent.pid, "SIGHUP");
    const goodbye = (): number => seen.findIndex(({ body }) => body.status === "stopping");
    await until("a beat of the other agent", () => goodbye() > 0 && seen.length > goodbye() + 2);
    const told = seen.slice(goodbye()).map(({ path, body }) => [path, body.status ?? body.agent_id]);
    const expected = [["heartbeat", "stopping"], ["handshake", other], ["heartbeat", "healthy"]];
    assert.deepEqual(told.slice(0, 3), expected);
    assert.equal(agent.said().replace(kept, ""), "the credentials were read again\n");
  });
}

async function backoff(scene: Scene): Promise<void> {
  const bad = [
    new Response("<html>", { status: 200 }),
    new Response("", { status: 302, headers: { location: "/functions/v1/health" } }),
    refusal("internal", 500),
    refusal("rate_limited", 429, { "retry-after": "50" }),
    Response.json({ ok: false }),
  ];
  await withFake(scene.host, (one) => bad.shift() ?? well(one), async ({ seen, until, agent }) => {
    await until(7);
    assert.deepEqual(seen.map(({ path }) => path).slice(0, 7), [
      ...Array.from({ length: 6 }, () => "handshake"),
      "heartbeat",
    ]);
    assertWaits(seen.slice(0, 7), [[0, 60], [2.5, 5], [5, 10], [50, 60], [20, 40], [0, 0]]);
    assert.match(agent.said(), /^no heartbeat: what answers \(status 200\) is not openclaw/);
  });
}

async function asleep({ host }: Scene): Promise<void> {
  await planJumps(host, [[1, 100], [20, 200]]);
  await withFake(host, (one) => well(one, { beatIn: 3600, interval: 3600 }), async ({ seen, until }) => {
    await until(4);
    // The tick that sees it, and at most one a minute.
    assertWaits(seen.slice(1, 4), [[0, 12], [55, 75]]);
  });
}

async function dozing({ host }: Scene): Promise<void> {
  const script: Script = (one) => well(one, { beatIn: 100, interval: 100, refreshIn: 86_400 });
  // Each of them puts off the next beat, if it may, and the last one comes before that beat. Between them are two of the
  // agent's ticks: the first that ends after the jump sees it.
  await planJumps(host, [[1, 40], [11, 80], [21, 120], [31, 160], [41, 200], [51, 240]]);
  await withFake(host, script, async ({ seen, until }) => {
    await until(4);
    assertWaits(seen.slice(1, 4), [[0, 12], [55, 75]]);
  });
}

async function promisedAsleep({ host }: Scene): Promise<void> {
  const bad = [refusal("unavailable", 503, { "retry-after": "80" }), refusal("invalid_credentials", 401)];
  const script: Script = async (one) => {
    const reply = bad.shift();
    if (reply === undefined) return well(one);
    await planJumps(host, [[one.at + 5, one.at + 100]]);
    return reply;
  };
  await withFake(host, script, async ({ seen, until }) => {
    await until(3);
    assertWaits(seen.slice(0, 3), [[80, 96], [48, 72]]);
  });
}

async function oldAsleep({ host }: Scene): Promise<void> {
  const script: Script = (one) => well(one, { beatIn: 3600, interval: 3600, refreshIn: 700 });
  await planJumps(host, [[1, 1000]]);
  await withFake(host, script, async ({ seen, until }) => {
    await until(4);
    const paths = seen.map(({ path }) => path);
    assert.deepEqual(paths.slice(0, 4), ["handshake", "heartbeat", "handshake", "heartbeat"]);
    assertWaits(seen.slice(1, 4), [[0, 12], [0, 0]]);
  });
}

async function failedRenewal(scene: Scene): Promise<void> {
  const script: Script = (one, index) =>
    one.path === "handshake" && index > 0
      ? refusal("internal", 500)
      : well(one, { refreshIn: 10, beatIn: 60 });
  await withFake(scene.host, script, async ({ seen, until: requests, agent }) => {
    await requests(3);
    await until("the agent to notice", () => agent.said() !== "");
    assert.equal(await agent.stop(), 0, agent.said());
    // A handshake that it gave up when it was told to stop may be heard after the goodbye.
    const last = seen.findLast(({ path }) => path === "heartbeat");
    assert.deepEqual([last?.body.status, last?.token], ["stopping", "Bearer a.b.0"]);
  });
}

async function hungRenewal(scene: Scene): Promise<void> {
  await placeAgentThatWaits(scene.host, 600);
  const over = Promise.withResolvers<void>();
  const script: Script = async (one, index) => {
    if (one.path === "handshake" && index > 0) await over.promise;
    return well(one, { refreshIn: 10, beatIn: 60 });
  };
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(3);
    const asked = performance.now();
    const code = await agent.stop();
    over.resolve();
    assert.equal(code, 0);
    assert.ok(performance.now() - asked < atOnceMs, "it waited for the reply");
    const last = seen.at(-1);
    assert.deepEqual([last?.path, last?.body.status, last?.token], ["heartbeat", "stopping", "Bearer a.b.0"]);
  });
}

async function newInterval(scene: Scene): Promise<void> {
  const shorter = { ok: true, next_heartbeat_in: 2, heartbeat_interval_seconds: 1 };
  const script: Script = (one, index) => {
    if (index === 0) return well(one, { interval: 86_400 });
    return index % 2 === 1 ? Response.json(shorter) : refusal("internal", 500);
  };
  await withFake(scene.host, script, async ({ seen, until }) => {
    await until(10);
    const first: [number, number] = [0, 1];
    const next: [number, number] = [2, 2];
    assertWaits(seen.slice(1, 10), [next, first, next, first, next, first, next, first]);
  });
}

async function dribbled(scene: Scene): Promise<void> {
  await placeAgentThatWaits(scene.host, 2);
  let dribbled = 0;
  const script: Script = (one) => {
    // On a busy machine, the time for the first reply may be over before any of it has been sent.
    if (dribbled > 0) return well(one);
    const drip = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await pause(300);
        try {
          controller.enqueue(new TextEncoder().encode(" "));
          dribbled++;
        } catch (error) {
          // The agent has gone.
          if (!(error instanceof TypeError)) throw error;
        }
      },
    });
    return new Response(drip);
  };
  await withFake(scene.host, script, async ({ agent }) => {
    // Without an end to the time for a reply, it would still read.
    await until("the server to answer again", () => agent.said().includes("the server answers again"));
    assert.match(agent.said(), /^no heartbeat: no reply: .*\nthe server answers again\n$/);
  });
}

async function oddWaits(scene: Scene): Promise<void> {
  const shapes = ["-7", "0", "0.5", "2.9", "1e0", "5E-1"];
  const script: Script = (one) => {
    const shape = one.path === "heartbeat" ? shapes.shift() : undefined;
    if (shape === undefined) return well(one, { beatIn: 1e300, interval: -1, refreshIn: 1e300 });
    return new Response(`{"ok": true, "next_heartbeat_in": ${shape}}`);
  };
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(8);
    assertWaits(seen.slice(1, 8), [[1, 1], [1, 1], [1, 1], [2, 3], [1, 1], [1, 1]]);
    await sleptMore(scene.host, 60);
    assert.equal(seen.length, 8);
    assert.equal(agent.said(), "");
  });
}

/** Asserts the seconds that the agent slept between requests. */
function assertWaits(seen: Seen[], wanted: [number, number][]): void {
  const waits = seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
  const shown = waits.map((wait) => wait.toFixed(1)).join(" ");
  for (const [index, [least, most]] of wanted.entries()) {
    const wait = waits[index] ?? NaN;
    assert.ok(
      wait >= least - 0.1 && wait <= most + 0.1,
      `${index}: ${least} to ${most} are wanted: ${shown}`,
    );
  }
}
