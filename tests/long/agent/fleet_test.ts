import assert from "node:assert/strict";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { startServerProcess, temporaryFolder } from "../../_support/server.ts";
import { identify, type Running, start } from "../../_support/program.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { until } from "../../_support/wait.ts";

/** Fewer than twenty are no fleet: the spread is counted. */
const size = Math.max(20, share(200));
/** By chance, five of twenty come in one second once in twenty runs, and ten less than once in ten thousand. */
const mostInASecond = Math.max(9, size / 4);
/** The shortest there is: sessions are then renewed after 42 to 54 s. */
const env = { AGENT_SESSION_TTL_SECONDS: "60" };

const name = `${size} monitors at once against one server: all online, their next handshakes spread`;
Deno.test(name, async () => {
  const random = seededRandom(name);
  await using data = await temporaryFolder();
  await using home = await temporaryFolder();
  await using server = await startServerProcess({ data: data.path, env });
  await using monitors = new AsyncDisposableStack();
  const client = new FleetClient(server.base, server.operatorKey);
  const agents: CreatedAgent[] = [];
  for (let index = 0; index < size; index++) {
    const heartbeat_interval_seconds = 10 + Math.floor(15 * random.next());
    agents.push(await client.createAgent({ name: `edge ${index}`, heartbeat_interval_seconds }));
  }
  const fleet = agents.map((agent) =>
    monitors.use(start(["monitor", "--json"], { home: home.path, env: identify(agent, server.url) }))
  );
  await until("a beat of each", () => fleet.every(hasBeaten), { timeoutMs: 120_000, everyMs: 500 });
  const rows = await Promise.all(agents.map(({ id }) => client.agent(id)));
  assert.deepEqual(rows.map(({ liveness }) => liveness).filter((one) => one !== "online"), []);
  const isRenewed = (monitor: Running): boolean => handshakesOf(monitor).length > 1;
  await until("a second handshake of each", () => fleet.every(isRenewed), {
    timeoutMs: 90_000,
    everyMs: 500,
  });
  assertSpread(fleet.map(handshakesOf));
  for (const monitor of fleet) monitor.kill("SIGTERM");
  const ends = await Promise.all(fleet.map(({ ended }) => ended));
  // On Windows a program cannot be asked from outside, only be ended.
  if (Deno.build.os === "windows") return;
  assert.deepEqual(ends.map(({ code }) => code).filter((code) => code !== 0), []);
});

interface Handshake {
  at: number;
  refreshIn: number;
}

function handshakesOf(monitor: Running): Handshake[] {
  return monitor.events().filter(({ event }) => event === "handshake")
    .map(({ time, refresh_in }) => ({ at: Date.parse(String(time)) / 1000, refreshIn: Number(refresh_in) }));
}

/**
 * The second handshakes, as they came, and as they would have come had all monitors been started at once: they are
 * started one after the other, which alone would spread them. A handshake takes the place of the first beat after
 * "refresh_in"; with one interval for all of them, in a session of three beats, that alone would bring many of them
 * into one second.
 */
function assertSpread(handshakes: Handshake[][]): void {
  const promised = handshakes.map(([first]) => first?.refreshIn ?? NaN);
  assert.ok(promised.every((seconds) => seconds >= 42 && seconds <= 54), promised.join(" "));
  assert.ok(Math.max(...promised) - Math.min(...promised) > 8, promised.join(" "));
  const came = handshakes.map(([, second]) => second?.at ?? NaN);
  const after = handshakes.map(([first, second]) => (second?.at ?? NaN) - (first?.at ?? NaN));
  assert.ok(after.every((seconds, index) => seconds > (promised[index] ?? NaN) - 1), after.join(" "));
  assert.ok(after.every((seconds) => seconds < 90), after.join(" "));
  for (const times of [came, after]) {
    assert.ok(Math.max(...times) - Math.min(...times) > 8, times.join(" "));
    const perSecond = Map.groupBy(times, Math.floor);
    const most = Math.max(...Array.from(perSecond.values(), ({ length }) => length));
    assert.ok(most <= mostInASecond, `${most} of ${size} in one second`);
  }
}

function hasBeaten(monitor: Running): boolean {
  return monitor.output.stdout.includes('"event":"heartbeat"');
}
