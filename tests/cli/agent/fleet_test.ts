import assert from "node:assert/strict";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { startServerProcess, withFolder } from "../../_support/server.ts";
import { identify, type Running, start } from "../../_support/program.ts";

/** Fewer where the memory is small. */
const size = Number(Deno.env.get("OPENCLAW_TEST_FLEET") ?? 200);
/** The shortest there is: sessions are then renewed after 42 to 54 s. */
const lifetime = { AGENT_SESSION_TTL_SECONDS: "60" };

Deno.test(`${size} monitors at once against one server: all online, their next handshakes spread`, () =>
  withFolder(async (data) => {
    const server = await startServerProcess({ data, env: lifetime });
    const monitors: Running[] = [];
    try {
      const client = new FleetClient(server.base, server.operatorKey);
      const agents: CreatedAgent[] = [];
      for (let index = 0; index < size; index++) {
        const heartbeat_interval_seconds = 10 + index % 15;
        agents.push(await client.createAgent({ name: `edge ${index}`, heartbeat_interval_seconds }));
      }
      await withFolder(async (home) => {
        for (const agent of agents) {
          monitors.push(start(["monitor", "--json"], { home, env: identify(agent, server.url) }));
        }
        await until(() => monitors.every(hasBeaten), 120);
        const rows = await Promise.all(agents.map(({ id }) => client.agent(id)));
        assert.deepEqual(rows.map(({ liveness }) => liveness).filter((one) => one !== "online"), []);
        await until(() => monitors.every((monitor) => handshakesOf(monitor).length > 1), 90);
        assertSpread(monitors.map(handshakesOf));
        for (const monitor of monitors) monitor.kill("SIGTERM");
        const ends = await Promise.all(monitors.map(({ ended }) => ended));
        // On Windows a program cannot be asked from outside, only be ended.
        if (Deno.build.os === "windows") return;
        assert.deepEqual(ends.map(({ code }) => code).filter((code) => code !== 0), []);
      });
    } finally {
      for (const monitor of monitors) kill(monitor);
      await Promise.all(monitors.map(({ ended }) => ended));
      await server.stop();
    }
  }));

interface Handshake {
  at: number;
  refreshIn: number;
}

/** Waits, but not for ever: what did not come is for the assertions to tell. */
async function until(isSo: () => boolean, patienceSeconds: number): Promise<void> {
  const deadline = performance.now() + patienceSeconds * 1000;
  while (performance.now() < deadline && !isSo()) await new Promise((resolve) => setTimeout(resolve, 500));
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
    assert.ok(most < size / 4, `${most} of ${size} in one second`);
  }
}

function hasBeaten(monitor: Running): boolean {
  return monitor.output.stdout.includes('"event":"heartbeat"');
}

function kill(monitor: Running): void {
  try {
    monitor.kill("SIGKILL");
  } catch (error) {
    // It has ended already.
    if (!(error instanceof TypeError)) throw error;
  }
}
