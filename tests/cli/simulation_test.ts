import assert from "node:assert/strict";
import { type Event, next, type State, unborn } from "../../cli/agent/rules.ts";

type Weather = "fair" | "down" | "refusing" | "distrusting" | "busy";

/** Numbers that look random and are the same in every run (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const kinds: Weather[] = ["fair", "fair", "fair", "down", "refusing", "distrusting", "busy"];

function reply(
  weather: Weather,
  { due: { act }, intervalSeconds }: State,
  at: number,
  random: number,
): Event {
  if (weather === "down") return { type: "outage", at, retryAfter: 0 };
  if (weather === "busy") return { type: "outage", at, retryAfter: Math.floor(random * 600) };
  if (act === "handshake") {
    if (weather === "refusing") return { type: "refused", at };
    return { type: "greeted", at, refreshIn: 630 + 180 * random, intervalSeconds, nextHeartbeatIn: 0 };
  }
  if (weather !== "fair") return { type: "unauthorized", at };
  return { type: "accepted", at, intervalSeconds, nextHeartbeatIn: intervalSeconds * (0.9 + 0.2 * random) };
}

Deno.test("client rules over a million simulated hours: never a storm, never silence, never too soon", () => {
  const hours = 1_000_000;
  const random = dice(20_261_123);
  let lived = 0;
  let requests = 0;
  while (lived < hours * 3600) {
    const intervalSeconds = [60, 300, 900, 3600, 86_400][Math.floor(random() * 5)] ?? 60;
    let { state } = next(unborn, { type: "start", at: 0, session: null, intervalSeconds }, random);
    let now = 0;
    let weather: Weather = "fair";
    let changes = 0;
    let promised = 0;
    const window: number[] = [];
    const life = 3600 * 24 * 30;
    while (now < life) {
      now = state.due.at;
      requests += 1;
      if (now + 1e-6 < promised) assert.fail(`asked ${promised - now} s too soon`);
      if (now >= changes) {
        weather = kinds[Math.floor(random() * kinds.length)] ?? "fair";
        changes = now + random() * 4 * 3600;
      }
      window.push(now);
      // Beats of a minute's interval and a handshake in ten minutes; in a storm, the retries of one outage.
      if (window.length > 40 && now - (window[window.length - 41] ?? 0) < 120) {
        assert.fail(`40 requests within two minutes (${weather}, interval ${intervalSeconds})`);
      }
      const event = reply(weather, state, now, random());
      const plan = next(state, event, random);
      if (!(plan.wait >= 0 && plan.wait <= 86_400 * 1.2)) assert.fail(`a wait of ${plan.wait} s`);
      if (event.type === "outage") promised = now + event.retryAfter;
      if (plan.act === "beat" && plan.state.session === null) assert.fail("a beat without a session");
      state = plan.state;
      if (window.length > 1000) window.splice(0, 900);
    }
    lived += now;
  }
  assert.ok(requests > hours, `only ${requests} requests`);
});

Deno.test("a fleet that is refused together does not return together", () => {
  const waits = Array.from({ length: 10_000 }, (_, seed) => {
    const random = dice(seed);
    return next({ ...unborn, session: { refreshAt: 1e6 } }, { type: "outage", at: 0, retryAfter: 0 }, random)
      .wait;
  });
  const perSecond = new Map<number, number>();
  for (const wait of waits) perSecond.set(Math.floor(wait), (perSecond.get(Math.floor(wait)) ?? 0) + 1);
  assert.equal(perSecond.size, 60);
  assert.ok(Math.max(...perSecond.values()) < 10_000 / 60 * 1.5);
});

Deno.test("a server that opens sessions and refuses them is asked ever more slowly", () => {
  const random = dice(7);
  let { state } = next(unborn, { type: "start", at: 0, session: null, intervalSeconds: 60 }, random);
  let requests = 0;
  while (state.due.at < 3600) {
    requests += 1;
    state = next(state, reply("distrusting", state, state.due.at, random()), random).state;
  }
  assert.ok(requests < 60, `${requests} requests in an hour`);
});
