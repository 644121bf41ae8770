import assert from "node:assert/strict";
import { dirname } from "node:path";
import { defineService } from "../../../../cli/service/definition.ts";
import { serviceLayout } from "../../../../cli/service/layout.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { accepts, type FaultServer, greets, ours, startFaultServer } from "../../../_support/fault_server.ts";
import { identify, isThere, makeAgent, type Run, sessionPath } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { writeManifest } from "../../../_support/manifest.ts";
import { withSystemctl } from "../../../_support/systemctl.ts";

const agent = makeAgent();
const lastSeen = "2026-01-02T03:04:05.678Z";
/** To the second: not every file system knows of less. */
const lastBeat = new Date("2026-02-03T04:05:06Z");

/** A server that greets, takes beats, and says of the agent what it last saw, for as long as it is up. */
function startServer(liveness = "online", isUp = () => true): FaultServer {
  return startFaultServer(({ method, path }) => {
    if (!isUp()) return "cut";
    if (path.endsWith("/handshake")) return greets({ agent: { id: agent.id, name: "edge 1" } });
    if (method === "POST") return accepts();
    const sighted = { id: agent.id, name: "edge 1", liveness };
    return ours({
      agent: { ...sighted, last_seen_at: lastSeen, heartbeat_interval_seconds: 60 },
      server_time: new Date().toISOString(),
    });
  });
}

interface Session extends AsyncDisposable {
  home: string;
  caught: FaultServer["caught"];
  breakDown: () => void;
  openclaw: (line: string) => Promise<Run>;
}

/** A home whose agent has shaken hands, and has beaten if it is to. */
async function startSession({ beaten }: { beaten: boolean }): Promise<Session> {
  const folder = await temporaryFolder();
  const home = folder.path;
  let isUp = true;
  const server = startServer("online", () => isUp);
  const openclaw = (line: string): Promise<Run> =>
    runInSession(line.split(" "), { home, env: identify(agent, server.url) });
  const first = await openclaw(beaten ? "heartbeat" : "status");
  assert.equal(first.code, 0, first.stderr);
  return {
    home,
    caught: server.caught,
    breakDown: () => void (isUp = false),
    openclaw,
    async [Symbol.asyncDispose]() {
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Makes the kept session one that was received so long ago, and last used at a known time. */
async function age(home: string, seconds: number): Promise<void> {
  const path = sessionPath(home);
  const session = JSON.parse(await Deno.readTextFile(path));
  const received_at = new Date(Date.now() - seconds * 1000).toISOString();
  await Deno.writeTextFile(path, JSON.stringify({ ...session, received_at }));
  await Deno.utime(path, lastBeat, lastBeat);
}

function read({ code, stdout, stderr }: Run): Record<string, unknown> {
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  return JSON.parse(stdout);
}

Deno.test("openclaw status without a session tells that none is kept, and opens one", async () => {
  await using home = await temporaryFolder();
  using server = startServer();
  const { code, stdout } = await runInSession(["status"], {
    home: home.path,
    env: identify(agent, server.url),
  });
  assert.equal(code, 0);
  assert.match(stdout, /^session {3}none kept here$/m);
  assert.ok(await isThere(sessionPath(home.path)));
});

Deno.test("openclaw status tells how old the session is, and uses it", async () => {
  await using session = await startSession({ beaten: true });
  const { home, caught, openclaw } = session;
  const before = caught.length;
  const started = Date.now();
  await age(home, 120);
  const { session_age_seconds } = read(await openclaw("status --json"));
  const { stdout } = await openclaw("status");
  const took = (Date.now() - started) / 1000;
  const told = Number(/^session {3}(\d+) s old$/m.exec(stdout)?.[1]);
  for (const seconds of [Number(session_age_seconds), told]) {
    assert.ok(seconds >= 120 && seconds <= 121 + took, `${seconds} s`);
  }
  const asked = caught.slice(before).map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(asked, ["GET /functions/v1/heartbeat", "GET /functions/v1/heartbeat"]);
});

Deno.test("openclaw status tells of no beat from here after a handshake alone", async () => {
  await using session = await startSession({ beaten: false });
  const { breakDown, openclaw } = session;
  const told = read(await openclaw("status --json"));
  assert.equal(typeof told.session_age_seconds, "number");
  assert.equal(told.last_beat_from_here, null);
  breakDown();
  const { code, stdout } = await openclaw("status");
  assert.equal(code, 6);
  assert.match(stdout, /^last beat none known of here$/m);
});

Deno.test("openclaw status tells when a beat from here was last accepted, not when the session was opened", async () => {
  await using session = await startSession({ beaten: true });
  const { home, openclaw } = session;
  await age(home, 120);
  assert.equal(read(await openclaw("status --json")).last_beat_from_here, lastBeat.toISOString());
  // The time of a file may be rounded down.
  const before = Math.floor(Date.now() / 1000) * 1000;
  assert.equal((await openclaw("heartbeat")).code, 0);
  const after = Date.now();
  const told = read(await openclaw("status --json"));
  const at = Date.parse(String(told.last_beat_from_here));
  assert.ok(at >= before && at <= after, `${told.last_beat_from_here}`);
  assert.ok(Number(told.session_age_seconds) >= 120, "the session is the same");
});

Deno.test("openclaw status knows of the last beat from here after the session was renewed", async () => {
  await using session = await startSession({ beaten: true });
  const { home, caught, breakDown, openclaw } = session;
  await age(home, 3600);
  const late = read(await openclaw("status --json"));
  assert.deepEqual([late.session_age_seconds, late.last_beat_from_here], [null, lastBeat.toISOString()]);
  assert.equal(caught.filter(({ path }) => path.endsWith("/handshake")).length, 2, "it was renewed");
  const told = read(await openclaw("status --json"));
  assert.ok(Number(told.session_age_seconds) < 60, `${told.session_age_seconds} s`);
  assert.equal(told.last_beat_from_here, lastBeat.toISOString());
  breakDown();
  const { code, stdout } = await openclaw("status");
  assert.equal(code, 6);
  assert.match(stdout, /^last beat 2026-02-03T04:05:06\.000Z$/m);
});

Deno.test("openclaw status whose server answers tells of the last beat that the server saw", async () => {
  await using session = await startSession({ beaten: true });
  const { home, openclaw } = session;
  await age(home, 120);
  const { stdout } = await openclaw("status");
  assert.match(stdout, /^last beat 2026-01-02T03:04:05\.678Z, wanted every 60 s$/m);
  const told = read(await openclaw("status --json"));
  assert.deepEqual([told.last_seen_at, told.heartbeat_interval_seconds], [lastSeen, 60]);
});

Deno.test("openclaw status with the server down tells what this host knows, then that the server is unreachable", async () => {
  await using session = await startSession({ beaten: true });
  session.breakDown();
  const { code, stdout, stderr } = await session.openclaw("status");
  assert.equal(code, 6, stderr);
  assert.match(stdout, new RegExp(`^agent {5}${agent.id}$`, "m"));
  assert.match(stdout, /^liveness {2}unknown$/m);
  assert.match(stdout, /^last beat \d{4}-/m);
  assert.match(stdout, /^session {3}\d+ s old$/m);
  assert.match(stdout, /^service {3}\S/m);
  assert.match(stderr, /^error: Cannot reach the server: [^\n]+\nhint: [^\n]+\n$/);
  const inJson = await session.openclaw("status --json");
  assert.deepEqual([inJson.code, inJson.stderr], [6, ""]);
  const { agent: who, liveness, session_age_seconds, error, message } = JSON.parse(inJson.stdout);
  assert.deepEqual([who, liveness, error], [{ id: agent.id, name: null }, "unknown", "unreachable"]);
  assert.equal(typeof session_age_seconds, "number");
  assert.match(message, /Cannot reach the server/);
});

for (const liveness of ["late", "offline", "pending", "revoked"]) {
  Deno.test(`openclaw status of an agent that is ${liveness} → exit code 1, and the whole answer`, async () => {
    await using home = await temporaryFolder();
    using server = startServer(liveness);
    const options = { home: home.path, env: identify(agent, server.url) };
    const { code, stdout, stderr } = await runInSession(["status", "--json"], options);
    assert.deepEqual([code, stderr], [1, ""]);
    assert.equal(JSON.parse(stdout).liveness, liveness);
    const text = await runInSession(["status"], options);
    assert.deepEqual([text.code, text.stderr], [1, ""]);
    assert.ok(text.stdout.includes(`\nliveness  ${liveness}\n`), text.stdout);
  });
}

const services: { name: string; files: string[]; unit: "ours" | "another's" | null; says: string }[] = [
  { name: "no unit", files: [], unit: null, says: "not installed" },
  { name: "a service that runs", files: ["running"], unit: "ours", says: "active (user)" },
  { name: "a service that starts", files: ["starting"], unit: "ours", says: "activating (user)" },
  { name: "a service that stands still", files: ["enabled"], unit: "ours", says: "inactive (user)" },
  { name: "another's unit of the same name", files: ["running"], unit: "another's", says: "not ours: " },
];

for (const { name, files, unit, says } of services) {
  Deno.test({
    name: `openclaw status with ${name} tells "${says.replace(/ \(.*|: $/, "")}"`,
    ignore: Deno.build.os !== "linux" || await isThere("/etc/systemd/system/openclaw-agent.service"),
    fn: () =>
      withSystemctl(async (home, _service, asked) => {
        const environment = (variable: string) => variable === "HOME" ? home : undefined;
        const place = serviceLayout(environment, { os: "linux", user: true, uid: 1000 });
        if (unit !== null) {
          await Deno.mkdir(dirname(place.unit), { recursive: true });
          await Deno.writeTextFile(place.unit, unit === "ours" ? defineService(place) : "[Unit]\n");
          if (unit === "ours") await writeManifest(place);
        }
        for (const file of files) await Deno.writeTextFile(`${home}/bin/${file}`, "");
        using server = startServer();
        const PATH = `${home}/bin:${Deno.env.get("PATH")}`;
        const options = { home, env: { ...identify(agent, server.url), PATH } };
        const wanted = unit === "another's" ? `${says}${place.unit}` : says;
        assert.equal(read(await runInSession(["status", "--json"], options)).service, wanted);
        const { stdout } = await runInSession(["status"], options);
        assert.ok(stdout.includes(`\nservice   ${wanted}\n`), stdout);
        const question = "--user is-active openclaw-agent.service\n";
        assert.equal(await asked(), unit === "ours" ? question.repeat(2) : "");
      }),
  });
}
