import assert from "node:assert/strict";
import { liveAsFleet } from "../bench/_fleet_life.ts";
import { seededRandom } from "../_support/seed.ts";

const name = "a simulated fleet beats once an interval, shakes hands again, and asks a server that is down";
Deno.test(name, () => {
  const agents = 50;
  const outage = { from: 7200, to: 8400 };
  const fleet = { agents, intervalSeconds: 60, sessionSeconds: 900, seconds: 10_800, outage };
  const { beats, handshakes, failed } = liveAsFleet(fleet, seededRandom(name).next);
  const inAll = (counts: number[], from: number, to: number): number =>
    counts.slice(from, to).reduce((sum, count) => sum + count, 0);
  const expected = agents * (outage.from - 3600) / 60;
  assert.ok(Math.abs(inAll(beats, 3600, outage.from) / expected - 1) < 0.05);
  assert.ok(inAll(handshakes, 3600, outage.from) > 3 * agents);
  assert.equal(inAll(beats, outage.from, outage.to) + inAll(handshakes, outage.from, outage.to), 0);
  assert.equal(inAll(failed, 0, outage.from) + inAll(failed, outage.to, fleet.seconds), 0);
  assert.ok(inAll(failed, outage.from, outage.to) > 5 * agents);
  // All are back after the longest wait, of 300 s.
  assert.ok(inAll(handshakes, outage.to, outage.to + 301) >= agents);
});
