import assert from "node:assert/strict";
import { type Event, initialState, next, type State } from "../../cli/agent/rules.ts";

type Weather = "fair" | "down" | "refusing" | "distrusting" | "flaky" | "busy";

/** Lives that many hours by the client rules in all weathers, under a witness that counts for itself. */
export function liveByTheRules({ hours, random }: { hours: number; random: () => number }): void {
  let lived = 0;
  let requests = 0;
  const met = new Set<string>();
  while (lived < hours * 3600) {
    const intervalSeconds = [60, 300, 900, 3600, 86_400][Math.floor(random() * 5)] ?? 60;
    const session = random() < 0.5 ? null : { refreshAt: 800 * random() };
    let { state } = next(initialState, { type: "start", at: 0, session, intervalSeconds }, random);
    const witness = new Witness();
    let now = 0;
    let weather: Weather = "fair";
    let changes = 0;
    while (now < 3600 * 24 * 30) {
      const due = state.due.at;
      // Something that comes between: a suspended host, a clock that is set, credentials that are written again.
      if (random() < 0.02 && due - now > 1) {
        now += (due - now) * random();
        const kind = random() < 0.8 ? "resumed" : "reloaded";
        const event: Event = kind === "resumed"
          ? { type: kind, at: now, drift: 30 + 36_000 * random() ** 3 }
          : { type: kind, at: now };
        state = next(state, event, random).state;
        witness.disturbed(kind);
        met.add(kind);
        if (state.due.at > due + 1e-6) assert.fail(`"${kind}" put the next request off`);
        continue;
      }
      now = due;
      requests += 1;
      if (now >= changes) {
        weather = kinds[Math.floor(random() * kinds.length)] ?? "fair";
        changes = now + random() * 4 * 3600;
      }
      witness.request(now, `${weather}, interval ${intervalSeconds}`);
      const event = reply(weather, state, { at: now, random: random() });
      const plan = next(state, event, random);
      witness.reply(event, plan);
      met.add(event.type);
      if (plan.act === "beat" && plan.state.session === null) assert.fail("a beat without a session");
      state = plan.state;
    }
    lived += now;
  }
  assert.ok(requests > hours, `only ${requests} requests`);
  assert.deepEqual(
    [...met].sort(),
    ["accepted", "greeted", "outage", "refused", "reloaded", "resumed", "unauthorized"],
  );
}

const kinds: Weather[] = ["fair", "fair", "fair", "down", "refusing", "distrusting", "flaky", "busy"];

export function reply(
  weather: Weather,
  { due: { act }, intervalSeconds }: State,
  { at, random }: { at: number; random: number },
): Event {
  if (weather === "down" || (weather === "flaky" && random < 0.2)) {
    return { type: "outage", at, retryAfter: 0 };
  }
  // Now and then a server that says milliseconds.
  if (weather === "busy") {
    return { type: "outage", at, retryAfter: random < 0.001 ? 1e9 * random : Math.floor(random * 600) };
  }
  if (act === "handshake") {
    if (weather === "refusing") return { type: "refused", at };
    return { type: "greeted", at, refreshIn: 630 + 180 * random, intervalSeconds, nextHeartbeatIn: 0 };
  }
  if (weather !== "fair") return { type: "unauthorized", at };
  return { type: "accepted", at, intervalSeconds, nextHeartbeatIn: intervalSeconds * (0.9 + 0.2 * random) };
}

/** Counts for itself what the contract counts, and compares every wait with its words. */
class Witness {
  #outages = 0;
  #refusals = 0;
  #rejectedBeats = 0;
  /** When the next request may come at the earliest. */
  #earliest = 0;
  #promised = 0;
  readonly #requests: number[] = [];

  request(at: number, where: string): void {
    const least = Math.max(this.#earliest, this.#promised);
    if (at + 1e-6 < least) assert.fail(`asked ${least - at} s too soon (${where})`);
    this.#requests.push(at);
    // Beats of a minute's interval and a handshake in ten minutes; in a storm, the retries of one outage.
    if (this.#requests.length > 40 && at - (this.#requests.shift() ?? 0) < 120) {
      assert.fail(`40 requests within two minutes (${where})`);
    }
  }

  reply(event: Event, { wait }: { wait: number }): void {
    this.#earliest = this.#promised = 0;
    switch (event.type) {
      case "accepted":
        [this.#outages, this.#refusals, this.#rejectedBeats] = [0, 0, 0];
        return this.#between(wait, 1, 86_400, event);
      case "greeted":
        [this.#outages, this.#refusals] = [0, 0];
        return this.#between(wait, 0, 0, event);
      case "refused": {
        const minutes = Math.min(3600, 60 * 4 ** this.#refusals++);
        return this.#between(wait, 0.8 * minutes, 1.2 * minutes, event);
      }
      case "unauthorized": {
        const after = this.#rejectedBeats++;
        const [least, most] = after === 0 ? [0, 10] : retry(after - 1);
        return this.#between(wait, least, most, event);
      }
      case "outage": {
        const asked = Math.min(86_400, event.retryAfter);
        const [least, most] = retry(this.#outages++);
        this.#promised = event.at + asked;
        return this.#between(wait, Math.max(least, asked), Math.max(most, 1.2 * asked), event);
      }
    }
  }

  /** A host that woke, or new credentials: an outage's wait is over, a promise is not; nor, but for the latter, a verdict's. */
  disturbed(kind: "resumed" | "reloaded"): void {
    if (kind === "reloaded") [this.#outages, this.#refusals, this.#rejectedBeats] = [0, 0, 0];
    if (this.#refusals === 0) this.#earliest = 0;
  }

  #between(wait: number, least: number, most: number, { type, at }: Event): void {
    if (!(wait >= least - 1e-6 && wait <= most + 1e-6)) {
      assert.fail(`a wait of ${wait} s after "${type}", not of ${least} to ${most} s`);
    }
    this.#earliest = at + least;
  }
}

function retry(failures: number): [number, number] {
  if (failures === 0) return [0, 60];
  const most = Math.min(300, 5 * 2 ** (failures - 1));
  return [0.5 * most, most];
}
