import assert from "node:assert/strict";
import { initialState, next } from "../../../cli/agent/rules.ts";
import { liveByTheRules, reply } from "../../_support/rules_witness.ts";
import { seededRandom } from "../../_support/seed.ts";

// A million hours: tests/long/agent/rules_test.ts.
const long = "client rules over 50,000 simulated hours: never a storm, never silence, never too soon";
Deno.test(long, () => liveByTheRules({ hours: 50_000, random: seededRandom(long).next }));

const together = "a fleet that is refused together does not return together";
Deno.test(together, () => {
  const { next: random } = seededRandom(together);
  const perSecond = new Map<number, number>();
  for (let agent = 0; agent < 10_000; agent++) {
    const state = { ...initialState, session: { refreshAt: 1e6 } };
    const second = Math.floor(next(state, { type: "outage", at: 0, retryAfter: 0 }, random).wait);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  assert.equal(perSecond.size, 60);
  assert.ok(Math.max(...perSecond.values()) < 10_000 / 60 * 1.5);
});

const rejectedBeats = "a server that opens sessions and refuses them is asked ever more slowly";
Deno.test(rejectedBeats, () => {
  const { next: random } = seededRandom(rejectedBeats);
  let { state } = next(initialState, { type: "start", at: 0, session: null, intervalSeconds: 60 }, random);
  let requests = 0;
  while (state.due.at < 3600) {
    requests += 1;
    state = next(state, reply("distrusting", state, { at: state.due.at, random: random() }), random).state;
  }
  assert.ok(requests < 60, `${requests} requests in an hour`);
});
