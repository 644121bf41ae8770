import assert from "node:assert/strict";
import { type CreatedAgent, FleetClient } from "../_support/client.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { identify, type Running, start } from "./_program.ts";

/** Fewer where the memory is small. */
const size = Number(Deno.env.get("OPENCLAW_TEST_FLEET") ?? 200);

Deno.test(`${size} monitors at once against one server: all online, their next handshakes spread`, () =>
  withFolder(async (data) => {
    const server = await startServerProcess({ data });
    const monitors: Running[] = [];
    try {
      const client = new FleetClient(server.base, server.operatorKey);
      const agents: CreatedAgent[] = [];
      for (let index = 0; index < size; index++) {
        agents.push(await client.createAgent({ name: `edge ${index}`, heartbeat_interval_seconds: 30 }));
      }
      await withFolder(async (home) => {
        for (const agent of agents) {
          monitors.push(start(["monitor", "--json"], { home, env: identify(agent, server.url) }));
        }
        const deadline = performance.now() + 120_000;
        while (performance.now() < deadline && !monitors.every(hasBeaten)) {
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        const rows = await Promise.all(agents.map(({ id }) => client.agent(id)));
        assert.deepEqual(rows.map(({ liveness }) => liveness).filter((one) => one !== "online"), []);
        const refreshes = monitors.flatMap((monitor) => monitor.events())
          .filter(({ event }) => event === "handshake").map((event) => Number(event.refresh_in));
        assert.ok(
          refreshes.length >= size && refreshes.length < size * 1.1,
          `${refreshes.length} handshakes`,
        );
        assert.ok(Math.max(...refreshes) - Math.min(...refreshes) > 120);
        const perTenSeconds = Map.groupBy(refreshes, (seconds) => Math.floor(seconds / 10));
        assert.ok(perTenSeconds.size >= (size < 200 ? 10 : 15));
        assert.ok([...perTenSeconds.values()].every(({ length }) => length < Math.max(size / 8, 15)));
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
