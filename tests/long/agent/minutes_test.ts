import assert from "node:assert/strict";
import { temporaryFolder } from "../../_support/server.ts";
import {
  accepts,
  type Answer,
  beatsOf,
  type Caught,
  type FaultServer,
  handshakesAndBeats,
  handshakesOf,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import { identify, makeAgent, type Running, start } from "../../_support/program.ts";
import { pause } from "../../_support/wait.ts";

/** On Windows a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";

// The same with a clock that skips its waits: tests/cli/agent/monitor_time_test.ts. Here time is real, and the
// compiled program can be tested; they wait rather than work, so all are told at once.
Deno.test("over real minutes, the pace is the server's, and without its answers the contract's", async (context) => {
  const stories = [
    { name: "over two minutes, beats keep the pace that the server set", fn: keepsPace },
    {
      name: "over a minute of 500s, a beat is tried again within the interval, and then ever more slowly",
      fn: tires,
    },
    { name: "a reply that hangs is given up after 15 s", fn: () => givesUp("hang") },
    { name: "a reply that drips is given up after 15 s", fn: () => givesUp("slow bytes") },
  ];
  const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(stories.map((story) => context.step({ ...story, ...together })));
});

async function withMonitor(
  answer: Answer,
  work: (stage: { server: FaultServer; monitor: Running }) => Promise<void>,
): Promise<void> {
  using server = startFaultServer(answer);
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, env });
  await server.until(2);
  await work({ server, monitor });
}

function gapsOf(caught: Caught[]): number[] {
  return caught.slice(1).map(({ at }, index) => at - (caught[index]?.at ?? NaN));
}

function keepsPace(): Promise<void> {
  return withMonitor(handshakesAndBeats(() => accepts(3)), async ({ server }) => {
    await pause(120_000);
    const gaps = gapsOf(beatsOf(server));
    assert.ok(gaps.length >= 37 && gaps.length <= 41, `${gaps.length + 1} beats`);
    assert.ok(gaps.every((gap) => gap > 2.9), gaps.join(" "));
  });
}

function tires(): Promise<void> {
  return withMonitor(handshakesAndBeats(() => refuses("internal", 500)), async ({ server, monitor }) => {
    await pause(60_000);
    const gaps = gapsOf(beatsOf(server));
    // The interval, and 5 × 2ⁿ s, of which at least one half is waited for.
    const most = [2, 5, 10, 20, 40];
    assert.ok(gaps.length === 4 || gaps.length === 5, gaps.join(" "));
    for (const [index, gap] of gaps.entries()) {
      const longest = most[index] ?? 0;
      assert.ok(gap < longest + 1.5 && (index === 0 || gap > longest / 2 - 0.1), gaps.join(" "));
    }
    assert.equal(handshakesOf(server).length, 1);
    const told = monitor.events().filter(({ level }) => level !== "debug").map(({ event }) => event);
    assert.deepEqual(told, ["started", "handshake", "outage"]);
  });
}

function givesUp(fault: "hang" | "slow bytes"): Promise<void> {
  return withMonitor(handshakesAndBeats(() => fault), async ({ server, monitor }) => {
    const asked = performance.now();
    const { reason } = await monitor.until("outage");
    assert.equal(reason, "no reply within 15 s");
    const waited = (performance.now() - asked) / 1000;
    assert.ok(waited > 13, `${waited} s`);
    await server.until(3);
    monitor.kill("SIGTERM");
    const { code } = await monitor.ended;
    if (windows) return;
    assert.equal(code, 0);
    assert.equal(JSON.parse(beatsOf(server).at(-1)?.body ?? "{}").status, "stopping");
  });
}
