import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { assertEnded, Host, type Language, languages, python, run, sh } from "../_support/installers.ts";
import { freePort } from "../_support/postgres.ts";
import { type ServerProcess, startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { jump, pause, refusal, type Script, type Seen, startAgent, well, withFake } from "./_agents.ts";
import { credentialsText, forward } from "./_scenarios.ts";

interface Scene {
  host: Host;
  server: ServerProcess;
  fleet: FleetClient;
}

interface Story {
  name: string;
  work: (scene: Scene) => Promise<void>;
}

const stories: Story[] = [
  { name: "a session is renewed before it ends, and no beat is refused", work: renewed },
  { name: "after an outage of a minute the agent is back", work: outage },
  { name: "a revoked agent says so once, stays, and beats no more", work: revoked },
  { name: "told to stop, it says so to the server", work: stopped },
  { name: "two hundred beats leave nothing behind", work: leak },
  { name: "it beats when the server says, and each beat has a greater seq", work: paced },
  { name: "a session that was refused is replaced once, and then it is an outage", work: secondChance },
  { name: "refused, it asks again after a minute, four minutes and so on", work: notWanted },
  { name: "an outage is waited for longer and longer, and never shorter than retry-after", work: backoff },
  { name: "a host that was asleep beats at once", work: asleep },
  { name: "a host that dozes again and again still beats", work: dozing },
  { name: "a host that was asleep keeps what a server was promised", work: promisedAsleep },
  { name: "a host that was asleep does not retry a refusal sooner", work: notWantedAsleep },
  { name: "a session that grew old in a sleep is replaced before it is used", work: oldAsleep },
  { name: "a renewal that fails leaves the session, and it says goodbye with it", work: failedRenewal },
  { name: "told to stop while a renewal hangs, it says goodbye at once", work: hungRenewal },
  { name: "the interval of the last reply counts", work: newInterval },
  { name: "a server that dribbles is an outage after 15 s", work: dribbled },
  {
    name: "at SIGHUP it reads the credentials again, and leaves another agent's session with a goodbye",
    work: reloaded,
  },
  { name: "at SIGHUP it keeps its credentials where the file is broken", work: notReloaded },
  { name: "waits that are no sane number are at least a second and at most a day", work: oddWaits },
];

testWith([...sh.tools, ...python.tools], "the agents of install.sh and install.py", async (context) => {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data, env: { AGENT_SESSION_TTL_SECONDS: "60" } });
    const fleet = new FleetClient(server.base, server.operatorKey);
    // The stories wait rather than work, so they are told all at once.
    const told = [sh, python].flatMap((language) =>
      stories.map(({ name, work }) =>
        context.step({
          name: `${language.name}: ${name}`,
          sanitizeOps: false,
          sanitizeResources: false,
          sanitizeExit: false,
          fn: () => withHost(language, async (host) => await work({ host, server, fleet })),
        })
      )
    );
    await Promise.all(told);
    await server.stop();
  });
});

testWith([...sh.tools], "the agent of install.sh does not spin where it cannot sleep", async () => {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data });
    const scene = { server, fleet: new FleetClient(server.base, server.operatorKey) };
    await withHost(sh, async (host) => {
      await installed({ host, ...scene });
      const bin = join(host.home, "bin");
      await Deno.mkdir(bin);
      await Deno.writeTextFile(join(bin, "sleep"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
      const env = { HOME: host.home, PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
      assertEnded(await run([host.program, "monitor"], { env }), 1, /Cannot wait: "sleep" fails/);
    });
    await server.stop();
  });
});

testWith(
  [...sh.tools, "bash", "busybox", "zsh"],
  "the agent of install.sh lives and ends well under every shell",
  async () => {
    await withFolder(async (data) => {
      const server = await startServerProcess({ data });
      const fleet = new FleetClient(server.base, server.operatorKey);
      for (const { command } of languages.filter(({ extension }) => extension === "sh")) {
        await withHost(sh, async (host) => {
          await installed({ host, server, fleet });
          const over = Promise.withResolvers<void>();
          const script: Script = async (one, index) => {
            // The last one hangs until the agent has gone.
            if (index === 6 && one.body.status !== "stopping") await over.promise;
            return index === 2 ? refusal("session_revoked", 401) : well(one);
          };
          const shown: Seen[] = [];
          host.shell = command;
          await withFake(host, script, async ({ seen, until, agent }) => {
            await until(7);
            const asked = performance.now();
            const code = await agent.stop();
            over.resolve();
            assert.equal(code, 0, command.join(" "));
            assert.ok(performance.now() - asked < 4000, `${command.join(" ")} took too long`);
            assert.equal(agent.said(), "");
            shown.push(...seen);
          });
          assert.deepEqual(shown.map(({ path }) => path).slice(0, 5), [
            "handshake",
            "heartbeat",
            "heartbeat",
            "handshake",
            "heartbeat",
          ]);
          assert.equal(shown.at(-1)?.body.status, "stopping", command.join(" "));
        });
      }
      await server.stop();
    });
  },
);

async function withHost(language: Language, work: (host: Host) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.mkdir(join(folder, "home"));
    await work(new Host(language, folder));
  });
}

/** One at a time: an agent whose story has begun would be late if all the others were installed at that moment. */
let turn: Promise<unknown> = Promise.resolve();

/** Installs the agent, and lets it speak to the server by way of a front. */
async function installed({ host, server, fleet }: Scene, front = server.url): Promise<string> {
  const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
  const done = turn.then(() => host.install(agent, server.url));
  turn = done;
  assertEnded(await done, 0);
  await Deno.writeTextFile(host.credentials, credentialsText(agent, front));
  return agent.id;
}

async function renewed(scene: Scene): Promise<void> {
  const seen: { path: string; at: number; status: number }[] = [];
  const front = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, async (request) => {
    const reply = await forward(request, scene.server.url, JSON.stringify);
    seen.push({ path: new URL(request.url).pathname, at: performance.now() / 1000, status: reply.status });
    return reply;
  });
  const id = await installed(scene, `http://127.0.0.1:${front.addr.port}`);
  const agent = await startAgent(scene.host);
  await pause(66_000);
  assert.equal((await scene.fleet.agent(id)).liveness, "online");
  assert.equal(await agent.stop(), 0);
  await front.shutdown();
  assert.deepEqual(seen.filter(({ status }) => status !== 200), []);
  const [first, second] = seen.filter(({ path }) => path.endsWith("/handshake"));
  assert.ok(first !== undefined && second !== undefined, "there was no second handshake");
  assert.ok(
    second.at - first.at >= 41 && second.at - first.at < 60,
    `renewed after ${second.at - first.at} s`,
  );
  assert.ok(seen.length >= 12, `only ${seen.length} requests`);
}

async function outage(scene: Scene): Promise<void> {
  const port = await freePort();
  const listen = (): Deno.HttpServer =>
    Deno.serve(
      { port, hostname: "127.0.0.1", onListen: () => undefined },
      (request) => forward(request, scene.server.url, JSON.stringify),
    );
  const before = listen();
  const id = await installed(scene, `http://127.0.0.1:${port}`);
  const agent = await startAgent(scene.host);
  await pause(3000);
  await before.shutdown();
  await pause(60_000);
  assert.ok(agent.isAlive());
  assert.notEqual((await scene.fleet.agent(id)).liveness, "online");
  const after = listen();
  const online = await soon(async () => (await scene.fleet.agent(id)).liveness === "online", 90);
  assert.equal(await agent.stop(), 0);
  await after.shutdown();
  assert.ok(online, agent.said());
  assert.match(agent.said(), /^no heartbeat: no reply: .*; trying again\nthe server answers again\n$/);
}

async function revoked(scene: Scene): Promise<void> {
  const id = await installed(scene);
  const agent = await startAgent(scene.host);
  assert.ok(await soon(async () => (await scene.fleet.agent(id)).liveness === "online", 10));
  const credentials = await Deno.readTextFile(scene.host.credentials);
  await scene.fleet.revoke(id);
  assert.ok(await soon(() => Promise.resolve(/refuses this agent/.test(agent.said())), 25), agent.said());
  const { last_seen_at } = await scene.fleet.agent(id);
  await pause(8000);
  assert.ok(agent.isAlive());
  assert.equal((await scene.fleet.agent(id)).last_seen_at, last_seen_at);
  assert.equal(await agent.stop(), 0);
  assert.equal(agent.said().match(/refuses this agent/g)?.length, 1);
  assert.equal(await Deno.readTextFile(scene.host.credentials), credentials);
}

async function stopped(scene: Scene): Promise<void> {
  const id = await installed(scene);
  const agent = await startAgent(scene.host);
  const before = String((await scene.fleet.agent(id)).last_seen_at);
  assert.ok(await soon(async () => (await scene.fleet.agent(id)).last_seen_at !== before, 15));
  const asked = performance.now();
  assert.equal(await agent.stop(), 0);
  assert.ok(performance.now() - asked < 8000, "it took too long");
  assert.equal((await scene.fleet.agent(id)).liveness, "stopped");
  assert.equal(agent.said(), "");
}

async function leak(scene: Scene): Promise<void> {
  await installed(scene);
  await withFake(scene.host, (one) => well(one, { beatIn: 1 }), async ({ until, agent }) => {
    await until(50);
    const early = await footprint(agent.pid);
    await until(201);
    const late = await footprint(agent.pid);
    assert.ok(late.files <= early.files, `${early.files} open files became ${late.files}`);
    assert.ok(late.children <= 2, `${late.children} children`);
    assert.ok(late.kilobytes - early.kilobytes < 600, `grew from ${early.kilobytes} to ${late.kilobytes} KB`);
  });
}

/** The least that it held of each in a second: what a command under way has open for a moment is no leak. */
async function footprint(pid: number): Promise<Footprint> {
  const least: Footprint = { kilobytes: Infinity, files: Infinity, children: Infinity };
  for (let sample = 0; sample < 20; sample++) {
    const { kilobytes, files, children } = await held(pid);
    least.kilobytes = Math.min(least.kilobytes, kilobytes);
    least.files = Math.min(least.files, files);
    least.children = Math.min(least.children, children);
    await pause(50);
  }
  return least;
}

interface Footprint {
  kilobytes: number;
  files: number;
  children: number;
}

async function held(pid: number): Promise<Footprint> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return {
    kilobytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]),
    files: files.length,
    children: children.split(" ").filter((child) => child !== "").length,
  };
}

async function paced(scene: Scene): Promise<void> {
  await installed(scene);
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
  await installed(scene);
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

async function notWanted(scene: Scene): Promise<void> {
  await installed(scene);
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

async function reloaded(scene: Scene): Promise<void> {
  await installed(scene);
  const { host } = scene;
  await withFake(host, (one) => well(one, { beatIn: 300 }), async ({ seen, until, agent }) => {
    await until(2);
    const text = await Deno.readTextFile(host.credentials);
    const other = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
    await Deno.writeTextFile(host.credentials, text.replace(/"agent_id": "[^"]*"/, `"agent_id": "${other}"`));
    Deno.kill(agent.pid, "SIGHUP");
    await until(5);
    const told = seen.slice(2, 5).map(({ path, body }) => [path, body.status ?? body.agent_id]);
    assert.deepEqual(told, [["heartbeat", "stopping"], ["handshake", other], ["heartbeat", "healthy"]]);
    assert.equal(agent.said(), "the credentials were read again\n");
  });
}

async function notReloaded(scene: Scene): Promise<void> {
  await installed(scene);
  const { host } = scene;
  await withFake(host, (one) => well(one, { beatIn: 20 }), async ({ seen, until, agent }) => {
    await until(2);
    await Deno.writeTextFile(host.credentials, "{");
    Deno.kill(agent.pid, "SIGHUP");
    await until(3);
    assert.equal(seen[2]?.path, "heartbeat");
    assert.match(agent.said(), /^Cannot read ".*" again: the earlier credentials stay in use\n$/);
  });
}

async function backoff(scene: Scene): Promise<void> {
  await installed(scene);
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

async function asleep(scene: Scene): Promise<void> {
  await installed(scene);
  await withFake(
    scene.host,
    (one) => well(one, { beatIn: 3600, interval: 3600 }),
    async ({ seen, until }) => {
      await until(2);
      await jump(scene.host, 100);
      await until(3);
      await jump(scene.host, 200);
      await until(4);
      // The tick that sees it, and at most one a minute.
      assertWaits(seen.slice(1, 4), [[0, 12], [55, 75]]);
    },
  );
}

async function dozing(scene: Scene): Promise<void> {
  await installed(scene);
  const script: Script = (one) => well(one, { beatIn: 100, interval: 100, refreshIn: 86_400 });
  await withFake(scene.host, script, async ({ seen, until }) => {
    await until(2);
    // Each of them puts off the next beat, if it may, and the last one comes before that beat.
    for (const ahead of [40, 80, 120, 160, 200, 240]) {
      await jump(scene.host, ahead);
      await pause(2500);
    }
    await until(4);
    assertWaits(seen.slice(1, 4), [[0, 12], [55, 75]]);
  });
}

async function promisedAsleep(scene: Scene): Promise<void> {
  await installed(scene);
  const bad = [refusal("unavailable", 503, { "retry-after": "80" })];
  await withFake(scene.host, (one) => bad.shift() ?? well(one), async ({ seen, until }) => {
    await until(1);
    await pause(1500);
    await jump(scene.host, 100);
    await until(2);
    assertWaits(seen.slice(0, 2), [[80, 96]]);
  });
}

async function notWantedAsleep(scene: Scene): Promise<void> {
  await installed(scene);
  const bad = [refusal("invalid_credentials", 401)];
  await withFake(scene.host, (one) => bad.shift() ?? well(one), async ({ seen, until }) => {
    await until(1);
    await pause(1500);
    await jump(scene.host, 100);
    await until(2);
    assertWaits(seen.slice(0, 2), [[48, 72]]);
  });
}

async function oldAsleep(scene: Scene): Promise<void> {
  await installed(scene);
  const script: Script = (one) => well(one, { beatIn: 3600, interval: 3600, refreshIn: 700 });
  await withFake(scene.host, script, async ({ seen, until }) => {
    await until(2);
    await jump(scene.host, 1000);
    await until(4);
    const paths = seen.map(({ path }) => path);
    assert.deepEqual(paths.slice(0, 4), ["handshake", "heartbeat", "handshake", "heartbeat"]);
    assertWaits(seen.slice(1, 4), [[0, 12], [0, 0]]);
  });
}

async function failedRenewal(scene: Scene): Promise<void> {
  await installed(scene);
  const script: Script = (one, index) =>
    one.path === "handshake" && index > 0
      ? refusal("internal", 500)
      : well(one, { refreshIn: 10, beatIn: 60 });
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(3);
    await pause(200);
    assert.equal(await agent.stop(), 0);
    const last = seen.at(-1);
    assert.deepEqual([last?.path, last?.body.status, last?.token], ["heartbeat", "stopping", "Bearer a.b.0"]);
  });
}

async function hungRenewal(scene: Scene): Promise<void> {
  await installed(scene);
  const over = Promise.withResolvers<void>();
  const script: Script = async (one, index) => {
    if (one.path === "handshake" && index > 0) await over.promise;
    return well(one, { refreshIn: 10, beatIn: 60 });
  };
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(3);
    await pause(200);
    const asked = performance.now();
    const code = await agent.stop();
    over.resolve();
    assert.equal(code, 0);
    assert.ok(performance.now() - asked < 4000, "it took too long");
    const last = seen.at(-1);
    assert.deepEqual([last?.path, last?.body.status, last?.token], ["heartbeat", "stopping", "Bearer a.b.0"]);
  });
}

async function newInterval(scene: Scene): Promise<void> {
  await installed(scene);
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
  await installed(scene);
  const came: number[] = [];
  const script: Script = (one, index) => {
    came.push(performance.now() / 1000);
    if (index > 0) return well(one);
    const drip = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await pause(500);
        try {
          controller.enqueue(new TextEncoder().encode(" "));
        } catch (error) {
          // Whoever asked has gone.
          if (!(error instanceof TypeError)) throw error;
        }
      },
    });
    return new Response(drip);
  };
  await withFake(scene.host, script, async ({ until, agent }) => {
    await until(3);
    const waited = (came[1] ?? NaN) - (came[0] ?? NaN);
    // And the first retry of an outage.
    assert.ok(waited > 14 && waited < 24, `${waited} s`);
    assert.match(agent.said(), /^no heartbeat: no reply: .*\nthe server answers again\n$/);
  });
}

async function oddWaits(scene: Scene): Promise<void> {
  await installed(scene);
  const shapes = ["-7", "0", "0.5", "2.9", "1e0", "5E-1"];
  const script: Script = (one) => {
    const shape = one.path === "heartbeat" ? shapes.shift() : undefined;
    if (shape === undefined) return well(one, { beatIn: 1e300, interval: -1, refreshIn: 1e300 });
    return new Response(`{"ok": true, "next_heartbeat_in": ${shape}}`);
  };
  await withFake(scene.host, script, async ({ seen, until, agent }) => {
    await until(8);
    assertWaits(seen.slice(1, 8), [[1, 1], [1, 1], [1, 1], [2, 3], [1, 1], [1, 1]]);
    await pause(3000);
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

async function soon(isSo: () => Promise<boolean>, seconds: number): Promise<boolean> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await pause(300)) {
    if (await isSo()) return true;
  }
  return await isSo();
}
