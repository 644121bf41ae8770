import assert from "node:assert/strict";
import { temporaryFolder } from "../../_support/server.ts";
import {
  accepts,
  type Answer,
  type Caught,
  type Fault,
  handshakesAndBeats,
  isHandshake,
  ours,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import { identify, isBinary, makeAgent, start } from "../../_support/program.ts";

/**
 * The compiled program cannot be given another clock: it waits for real minutes, in tests/long/agent. On Windows no
 * program can be asked from outside to stop.
 */
const ignore = isBinary || Deno.build.os === "windows";

interface Stage {
  caught: Caught[];
  handshakes: Caught[];
  beats: Caught[];
  events: Record<string, unknown>[];
  /** What was sent after the order to stop. */
  farewell: Caught[];
}

/** What a monitor whose clock skips every wait does until so many requests have come; it then ends with 0. */
async function live({ requests, answer }: { requests: number; answer: Answer }): Promise<Stage> {
  // What comes later hangs, so that nothing is done in vain.
  using server = startFaultServer((caught, index) => {
    if (index < requests) return answer(caught, index);
    return caught.body.includes('"stopping"') ? accepts() : "hang";
  });
  await using home = await temporaryFolder();
  const env = identify(makeAgent(), server.url);
  await using monitor = start(["monitor", "--json"], { home: home.path, env, time: { clock: "jumping" } });
  await server.until(requests + 1);
  const caught = server.caught.slice(0, requests + 1);
  monitor.kill("SIGTERM");
  assert.equal((await monitor.ended).code, 0);
  return {
    caught,
    handshakes: caught.filter(isHandshake),
    beats: caught.filter((one) => !isHandshake(one)),
    events: monitor.events().filter(({ event }) => event !== "stopped"),
    farewell: server.caught.slice(requests + 1),
  };
}

/** The monitor's own time of a request, in seconds since its start. */
function timeOf(caught: Caught | undefined): number {
  return Number(/^test-clock: (\S+)/im.exec(caught?.headers ?? "")?.[1] ?? NaN);
}

function gapsOf(caught: Caught[]): number[] {
  return caught.slice(1).map((one, index) => timeOf(one) - timeOf(caught[index]));
}

/** The events, but for single beats. */
function told(events: Record<string, unknown>[]): unknown[] {
  return events.filter(({ level }) => level !== "debug").map(({ event }) => event);
}

Deno.test(
  "over ten minutes, beats keep the pace that the server set, and a session is renewed before it ends",
  {
    ignore,
  },
  async () => {
    const stage = await live({ requests: 260, answer: handshakesAndBeats(() => accepts(3)) });
    assert.deepEqual(stage.handshakes.map(timeOf).map(Math.round), [0, 702]);
    const gaps = gapsOf(stage.beats);
    assert.ok(gaps.every((gap) => Math.abs(gap - 3) < 1e-6), gaps.join(" "));
  },
);

Deno.test("over 500s, a beat is tried again within the interval, and then ever more slowly", {
  ignore,
}, async () => {
  const answer = handshakesAndBeats(() => refuses("internal", 500));
  // By then the session is not over yet.
  const { handshakes, beats, events } = await live({ requests: 8, answer });
  // The interval, and 5 × 2ⁿ s, of which at least one half is waited for.
  const most = [2, 5, 10, 20, 40, 80, 160];
  const gaps = gapsOf(beats);
  assert.equal(gaps.length, most.length);
  for (const [index, gap] of gaps.entries()) {
    const longest = most[index] ?? 0;
    assert.ok(gap <= longest && (index === 0 || gap >= longest / 2), gaps.join(" "));
  }
  assert.equal(handshakes.length, 1);
  assert.deepEqual(told(events), ["started", "handshake", "outage"]);
});

Deno.test("a session that is revoked is followed by one handshake; a refused one by silence, not by an end", {
  ignore,
}, async () => {
  let revoked = false;
  const answer: Answer = (caught, index) => {
    if (!isHandshake(caught)) revoked ||= index >= 3;
    if (isHandshake(caught)) {
      return revoked ? refuses("invalid_credentials") : handshakesAndBeats()(caught, index);
    }
    return revoked ? refuses("session_revoked") : accepts();
  };
  const { caught, events, farewell } = await live({ requests: 7, answer });
  const acts = caught.map((one) => isHandshake(one) ? "handshake" : "beat");
  assert.deepEqual(acts, ["handshake", "beat", "beat", "beat", ...Array(4).fill("handshake")]);
  const [again = NaN, ...silences] = gapsOf(caught.slice(3));
  assert.ok(again <= 2, `one handshake within the interval, after ${again} s`);
  for (const [index, minutes] of [1, 4, 16].entries()) {
    const silence = silences[index] ?? NaN;
    assert.ok(silence >= 48 * minutes && silence <= 72 * minutes, silences.join(" "));
  }
  assert.deepEqual(told(events), ["started", "handshake", "session_revoked", "refused"]);
  assert.equal(events.filter(({ level }) => level === "error").length, 1);
  assert.deepEqual(farewell, [], "a refused agent does not ask again in order to leave");
});

Deno.test("retry-after is obeyed by the process as by the rules", { ignore }, async () => {
  const busy: Fault = {
    status: 429,
    body: JSON.stringify({ error: "rate_limited", error_description: "Cannot answer: too many" }),
    headers: { "retry-after": "400" },
  };
  const answer = handshakesAndBeats((_caught, index) => index === 1 ? busy : accepts());
  const { beats, events } = await live({ requests: 3, answer });
  const [waited = NaN] = gapsOf(beats);
  assert.ok(waited >= 400 && waited <= 480, `${waited} s`);
  assert.deepEqual(told(events), ["started", "handshake", "outage", "recovered"]);
});

const faults: { name: string; fault: Fault; says: RegExp }[] = [
  { name: "500 of ours", fault: refuses("internal", 500), says: /internal/ },
  { name: "503 of a proxy", fault: { status: 503, body: "<html>Bad gateway</html>" }, says: /HTTP 503/ },
  {
    name: "HTML with 200",
    fault: { status: 200, body: "<html>Sign in</html>" },
    says: /not the service's JSON/,
  },
  { name: "somebody else's JSON", fault: ours({ hello: "world" }), says: /not this service's/ },
  {
    name: "a redirect",
    fault: { status: 302, body: "", headers: { location: "/" } },
    says: /redirects \(302\)/,
  },
  { name: "a cut reply", fault: "cut", says: /cannot reach the server/ },
  { name: "no HTTP", fault: "garbage", says: /cannot reach the server/ },
  { name: "65 KiB", fault: ours({ ok: true, more: "x".repeat(70_000) }), says: /not the service's JSON/ },
  { name: "404 of ours", fault: refuses("not_found", 404), says: /not_found/ },
];

Deno.test(
  `a beat that is answered with ${
    faults.map(({ name }) => name).join(", ")
  } is an outage, and the next one goes out within the interval`,
  { ignore },
  async () => {
    // The handshake; then a fault and a sound reply by turns.
    const answer = handshakesAndBeats((_caught, index) =>
      index % 2 === 1 ? faults[(index - 1) / 2]?.fault ?? "hang" : accepts()
    );
    const { handshakes, beats, events } = await live({ requests: 2 * faults.length + 1, answer });
    const outages = events.filter(({ event }) => event === "outage");
    assert.equal(outages.length, faults.length);
    for (const [index, { name, says }] of faults.entries()) {
      assert.match(String(outages[index]?.message), says, name);
      const waited = timeOf(beats[2 * index + 1]) - timeOf(beats[2 * index]);
      assert.ok(waited <= 2, `${name}: ${waited} s`);
    }
    const changes = events.map(({ event }) => event).filter((event) => event !== "heartbeat").slice(2);
    assert.deepEqual(changes, faults.flatMap(() => ["outage", "recovered"]));
    assert.equal(handshakes.length, 1);
  },
);

Deno.test("a wall clock that is hours off at the server, now before and now behind, changes nothing", {
  ignore,
}, async () => {
  const answer: Answer = (caught, index) => {
    const fault = handshakesAndBeats(() => accepts(3))(caught, index);
    assert.ok(typeof fault === "object");
    const there = new Date(Date.now() + (index % 2 === 0 ? -7 : 7) * 3_600_000);
    const body = { ...JSON.parse(fault.body), server_time: there.toISOString() };
    return { ...fault, body: JSON.stringify(body), headers: { date: there.toUTCString() } };
  };
  const { handshakes, beats, events } = await live({ requests: 10, answer });
  assert.equal(handshakes.length, 1);
  assert.ok(gapsOf(beats).every((gap) => Math.abs(gap - 3) < 1e-6), gapsOf(beats).join(" "));
  assert.deepEqual(told(events), ["started", "handshake"]);
});
