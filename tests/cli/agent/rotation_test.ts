import assert from "node:assert/strict";
import { dirname } from "node:path";
import type { StoredCredentials } from "../../../cli/identity/credentials.ts";
import { formatCredentials, parseCredentials } from "../../../cli/identity/credentials.ts";
import { describeProcess } from "../../../cli/agent/agent.ts";
import { Keeper } from "../../../cli/agent/keeper.ts";
import { LiveSetup } from "../../../cli/agent/reload.ts";
import { claimHost } from "../../../cli/agent/host_claim.ts";
import { lockCredentials } from "../../../cli/identity/credentials_lock.ts";
import { identityKills, killAtChange } from "../../_support/agent_kills.ts";
import type { CreatedAgent } from "../../_support/client.ts";
import { type Fault, handshakesOf, refuses } from "../../_support/fault_server.ts";
import { namesIn, writePrivate } from "../../_support/home.ts";
import {
  anotherSecret,
  type Asked,
  type RotatingServer,
  startRotatingServer,
} from "../../_support/rotating_server.ts";
import { configureHome, credentialsPath, identify, makeAgent, run, start } from "../../_support/program.ts";
import { assertNoSecret } from "../../_support/refused.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { agentId } from "../../_support/vectors.ts";
import { until } from "../../_support/wait.ts";

const time = { clock: 20 };
const directives = ["rotate"];

async function stored(home: string): Promise<StoredCredentials> {
  const read = parseCredentials(await Deno.readTextFile(credentialsPath(home)));
  assert.ok(!("fault" in read), "the credentials file is broken");
  return read;
}

/** The file holds one identity, which is the one that the server takes, and nothing lies beside it. */
async function assertSettled(home: string, { world }: RotatingServer, id: string): Promise<void> {
  const { agentId, secret, next } = await stored(home);
  assert.deepEqual({ agentId, secret, next }, {
    agentId: id,
    secret: world.rows.get(id)?.current,
    next: null,
  });
  assert.deepEqual(await namesIn(dirname(credentialsPath(home))), ["credentials.json"]);
}

function clientOf({ body }: { body: string }): Record<string, unknown> {
  return { ...JSON.parse(body).client };
}

Deno.test("a monitor that is asked to rotate does so once, beats on, and its file holds the new secret only", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { directives });
  await configureHome(home.path, agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, time });
  await monitor.until("rotated");
  await monitor.until("heartbeat", 3);
  assert.equal(server.world.counts.rotate, 1);
  await assertSettled(home.path, server, agent.id);
  assert.deepEqual(handshakesOf(server).map(clientOf).map(({ supports }) => supports), [
    ["adopt", "rotate"],
    ["adopt", "rotate"],
  ]);
  assert.notEqual((await stored(home.path)).secret, agent.secret);
  const said = monitor.output.stdout + monitor.output.stderr;
  assertNoSecret(said);
  assert.ok(!said.includes((await stored(home.path)).secret.slice(4, 20)));
});

Deno.test("openclaw heartbeat that is asked to rotate does so, and the next one beats without another handshake", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { directives });
  await configureHome(home.path, agent, server.url);
  for (const _ of [1, 2]) assert.equal((await run(["heartbeat"], { home: home.path })).code, 0);
  assert.deepEqual(server.world.counts, {
    handshake: 2,
    beat: 2,
    rotate: 1,
    enroll: 0,
    progress: 0,
    look: 0,
  });
  await assertSettled(home.path, server, agent.id);
});

Deno.test("--rotate-every rotates a secret that is older, and leaves one that is not", async () => {
  const counts = await Promise.all([31, 20].map(async (days) => {
    await using home = await temporaryFolder();
    const agent = makeAgent();
    using server = startRotatingServer(agent, { secretAgeSeconds: days * 86_400 });
    await configureHome(home.path, agent, server.url);
    await using monitor = start(["monitor", "--json", "--rotate-every", "30d"], { home: home.path, time });
    await monitor.until("heartbeat", 2);
    return server.world.counts.rotate;
  }));
  assert.deepEqual(counts, [1, 0]);
});

Deno.test("a secret from the environment is not rotated: supports says so, and one line says why", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { directives });
  const options = { home: home.path, env: identify(agent, server.url), time };
  await using monitor = start(["monitor", "--json", "--rotate-every", "30d"], options);
  await monitor.until("heartbeat", 4);
  const [started, ...others] = monitor.events();
  assert.match(String(started?.message), /its secret is not rotated: it comes from the environment/);
  const warned = others.filter(({ message }) =>
    /--rotate-every is of no use here: it comes/.test(String(message))
  );
  assert.equal(warned.length, 1);
  assert.equal(server.world.counts.rotate, 0);
  assert.deepEqual(clientOf(handshakesOf(server)[0] ?? { body: "{}" }).supports, []);
});

testWith(
  ["root", "mount"],
  "credentials in a folder that is mounted read-only are not rotated: no request is made",
  async () => {
    await using home = await temporaryFolder();
    const agent = makeAgent();
    using server = startRotatingServer(agent, { directives });
    await configureHome(home.path, agent, server.url);
    const folder = dirname(credentialsPath(home.path));
    await mount(["--bind", folder, folder]);
    try {
      await mount(["-o", "remount,bind,ro", folder]);
      await using monitor = start(["monitor", "--json"], { home: home.path, time });
      await monitor.until("heartbeat", 3);
      assert.match(String(monitor.events()[0]?.not_rotated), /cannot be written: .*read-only file system/i);
      assert.equal(
        monitor.events().filter(({ event, level }) => event === "not_rotated" && level === "warn").length,
        1,
      );
      assert.equal(server.world.counts.rotate, 0);
      assert.deepEqual(clientOf(handshakesOf(server)[0] ?? { body: "{}" }).supports, []);
    } finally {
      await new Deno.Command("umount", { args: [folder] }).output();
    }
  },
);

testWith(
  ["root", "mount"],
  "where the disk is full, no secret is asked for, and the old one goes on",
  async () => {
    await using folder = await temporaryFolder();
    const agent = makeAgent();
    using server = startRotatingServer(agent);
    await mount(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", folder.path]);
    try {
      const path = `${folder.path}/credentials.json`;
      const text = formatCredentials({ url: server.url, agentId: agent.id, secret: agent.secret });
      await writePrivate(path, text);
      const keeper = keeperAt(path, agent, server.url);
      await fill(`${folder.path}/fill`);
      const full = await keeper.rotate(new AbortController().signal);
      assert.ok(full.kind === "failed" && /space/i.test(full.reason), JSON.stringify(full));
      assert.equal(server.caught.length, 0);
      assert.equal(await Deno.readTextFile(path), text);
      assert.deepEqual(await namesIn(folder.path), ["credentials.json", "fill"]);
    } finally {
      await new Deno.Command("umount", { args: [folder.path] }).output();
    }
  },
);

/** What keeps the identity in a credentials file that it takes for one that can be replaced. */
function keeperAt(path: string, { id, secret }: CreatedAgent, url: string): Keeper {
  const warn = (text: string): void => assert.fail(text);
  const identity = { agentId: id, secret, next: null, layer: "file", path, brought: false, url } as const;
  const setup = { connection: { url }, identity, places: { credentials: path, state: dirname(path) } };
  const unreplaceable = (): Promise<null> => Promise.resolve(null);
  const current = new LiveSetup({ setup, lock: null }, warn);
  return new Keeper({ current, process: describeProcess(), unreplaceable, warn });
}

async function mount(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("mount", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Until nothing more goes in, not even an empty file's name. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true });
  try {
    while (true) await file.write(new Uint8Array(1024));
  } catch (error) {
    assert.ok(error instanceof Error && /space/i.test(error.message), String(error));
  }
}

/** What becomes of a reply once, and how often the server is then asked for a secret until the rotation is done. */
const spoiled: { name: string; asked: Asked; at: number; fault: Fault; rotates: number }[] = [
  { name: "the reply with the secret is lost", asked: "rotate", at: 0, fault: "cut", rotates: 2 },
  {
    name: "the server fails when it is asked",
    asked: "rotate",
    at: 0,
    fault: refuses("internal", 500),
    rotates: 2,
  },
  { name: "the reply to the first handshake is lost", asked: "handshake", at: 1, fault: "cut", rotates: 1 },
];

for (const { name, asked, at, fault, rotates } of spoiled) {
  Deno.test(`a rotation where ${name} is brought to its end`, async () => {
    await using home = await temporaryFolder();
    const agent = makeAgent();
    const seen: Record<string, number> = {};
    using server = startRotatingServer(agent, {
      directives,
      spoil(what) {
        const index = seen[what] ?? 0;
        seen[what] = index + 1;
        return what === asked && index === at ? fault : null;
      },
    });
    await configureHome(home.path, agent, server.url);
    for (const _ of [1, 2, 3]) assert.equal((await run(["heartbeat"], { home: home.path })).code, 0);
    assert.equal(server.world.counts.rotate, rotates);
    await assertSettled(home.path, server, agent.id);
  });
}

Deno.test("a new secret that the server does not take is forgotten, and the old one goes on", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent);
  const next = { agentId: agent.id, secret: anotherSecret() };
  const text = formatCredentials({ url: server.url, agentId: agent.id, secret: agent.secret, next });
  await writePrivate(credentialsPath(home.path), text);
  const { code, stderr } = await run(["heartbeat"], { home: home.path });
  assert.equal(code, 0, stderr);
  const asked = handshakesOf(server).map(({ body }) => JSON.parse(body).agent_secret);
  assert.deepEqual(asked, [next.secret, agent.secret], "the newest first");
  await assertSettled(home.path, server, agent.id);
});

Deno.test("two secrets, of which the server takes neither, are both kept, and that is the verdict", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer({ ...agent, secret: anotherSecret() });
  const next = { agentId: agent.id, secret: anotherSecret() };
  const text = formatCredentials({ url: server.url, agentId: agent.id, secret: agent.secret, next });
  await writePrivate(credentialsPath(home.path), text);
  assert.equal((await run(["heartbeat"], { home: home.path })).code, 3);
  assert.equal(await Deno.readTextFile(credentialsPath(home.path)), text);
});

for (const command of ["handshake", "status", "doctor"]) {
  Deno.test(`openclaw ${command} uses the newest of two stored secrets, and writes nothing`, async () => {
    await using home = await temporaryFolder();
    const agent = makeAgent();
    const next = { agentId: agent.id, secret: anotherSecret() };
    using server = startRotatingServer({ ...agent, secret: next.secret });
    const text = formatCredentials({ url: server.url, agentId: agent.id, secret: agent.secret, next });
    await writePrivate(credentialsPath(home.path), text);
    await run([command], { home: home.path });
    assert.equal(JSON.parse(handshakesOf(server)[0]?.body ?? "{}").agent_secret, next.secret);
    assert.equal(server.world.counts.handshake, 1);
    assert.equal(await Deno.readTextFile(credentialsPath(home.path)), text);
  });
}

Deno.test("a monitor whose secret another process has rotated reads the file again: no verdict is told", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  const fresh = anotherSecret();
  let isOver = false;
  using server = startRotatingServer(agent, {
    spoil(asked) {
      if (asked !== "beat" || !isOver) return null;
      isOver = false;
      return refuses("token_expired");
    },
  });
  await configureHome(home.path, agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, time });
  await monitor.until("heartbeat");
  const row = server.world.rows.get(agent.id);
  assert.ok(row !== undefined);
  await configureHome(home.path, { id: agent.id, secret: fresh }, server.url);
  row.current = fresh;
  isOver = true;
  await monitor.until("handshake", 2);
  assert.equal(monitor.events().some(({ event }) => event === "refused"), false);
  const asked = handshakesOf(server).map(({ body }) => JSON.parse(body).agent_secret);
  assert.deepEqual(asked, [agent.secret, agent.secret, fresh]);
});

Deno.test("a monitor and a heartbeat that are asked to rotate at once: one secret is made, and both go on", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { directives });
  await configureHome(home.path, agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, time });
  const beats = await Promise.all([1, 2, 3].map(() => run(["heartbeat"], { home: home.path })));
  await monitor.until("heartbeat", 3);
  assert.deepEqual(beats.map(({ code }) => code), [0, 0, 0], beats.map(({ stderr }) => stderr).join(""));
  assert.equal(server.world.rotations, 1);
  await until("the rotation's end", async () => (await stored(home.path)).next === null);
  await assertSettled(home.path, server, agent.id);
});

Deno.test("while another process has the lock, nothing is rotated, and the beats go on", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { directives });
  await configureHome(home.path, agent, server.url);
  {
    await using lock = await lockCredentials(credentialsPath(home.path));
    assert.ok(lock !== null);
    assert.equal((await run(["heartbeat"], { home: home.path })).code, 0);
    assert.equal(server.world.counts.rotate, 0);
  }
  assert.equal((await run(["heartbeat"], { home: home.path })).code, 0);
  assert.equal(server.world.counts.rotate, 1);
});

Deno.test("a copy that is given an identity of its own uses it, takes the lock of that agent, and beats on", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { adopts: true });
  await configureHome(home.path, agent, server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, time });
  await monitor.until("adopted");
  await monitor.until("heartbeat", 2);
  await assertSettled(home.path, server, agentId);
  assert.deepEqual(monitor.events().filter(({ level }) => level === "warn"), []);
  const asked = handshakesOf(server).map(({ body }) => JSON.parse(body).agent_id);
  assert.deepEqual(asked, [agent.id, agentId]);
  if (Deno.build.os !== "linux") return;
  const claim = await claimHost({
    agentId: agent.id,
    secret: agent.secret,
    warn: (text) => assert.fail(text),
  });
  claim.release();
});

Deno.test("an identity for a host that cannot store one is not used, is told once, and the beats go on", async () => {
  await using home = await temporaryFolder();
  const agent = makeAgent();
  using server = startRotatingServer(agent, { adopts: true, directives: ["handshake"] });
  const options = { home: home.path, env: identify(agent, server.url), time };
  await using monitor = start(["monitor", "--json"], options);
  await monitor.until("heartbeat", 3);
  const told = monitor.events().filter(({ event, level }) => event === "not_adopted" && level === "warn");
  assert.equal(told.length, 1);
  assert.ok(handshakesOf(server).every(({ body }) => JSON.parse(body).agent_id === agent.id));
});

for (const step of identityKills) {
  Deno.test(`killed ${step.name}, the agent still gets in, and one identity is left`, async () => {
    await killAtChange(step, 0);
  });
}
