import assert from "node:assert/strict";
import { type Act, type Event, initialState, next, type State } from "../../../cli/agent/rules.ts";

const low = (): number => 0;
const high = (): number => 1 - 2 ** -32;

/** A state with a session that lasts, at the time 1000. */
const steady: State = { ...initialState, session: { refreshAt: 10_000 }, due: { at: 1060, act: "beat" } };

interface Row {
  name: string;
  state?: Partial<State>;
  event: Event;
  wait: [number, number];
  act: Act;
}

const accepted = { type: "accepted", at: 1000, intervalSeconds: 60, nextHeartbeatIn: 57 } as const;
const greeted = {
  type: "greeted",
  at: 1000,
  refreshIn: 700,
  intervalSeconds: 60,
  nextHeartbeatIn: 0,
} as const;
const outage = { type: "outage", at: 1000, retryAfter: 0 } as const;
const refused = { type: "refused", at: 1000 } as const;
const unauthorized = { type: "unauthorized", at: 1000 } as const;

const rows: Row[] = [
  {
    name: "a start without a session shakes hands at once",
    event: { type: "start", at: 1000, session: null, intervalSeconds: 60 },
    wait: [0, 0],
    act: "handshake",
  },
  {
    name: "a start with a kept session beats at once",
    event: { type: "start", at: 1000, session: { refreshAt: 1100 }, intervalSeconds: 60 },
    wait: [0, 0],
    act: "beat",
  },
  {
    name: "a start with a session that is over shakes hands",
    event: { type: "start", at: 1000, session: { refreshAt: 1000 }, intervalSeconds: 60 },
    wait: [0, 0],
    act: "handshake",
  },
  {
    name: "a handshake is followed by a beat when the server said",
    event: greeted,
    wait: [0, 0],
    act: "beat",
  },
  {
    name: "a handshake may put the first beat off",
    event: { ...greeted, nextHeartbeatIn: 12 },
    wait: [12, 12],
    act: "beat",
  },
  { name: "a beat is followed by one when the server said", event: accepted, wait: [57, 57], act: "beat" },
  {
    name: "a promise of 0 s is taken as 1 s",
    event: { ...accepted, nextHeartbeatIn: 0 },
    wait: [1, 1],
    act: "beat",
  },
  {
    name: "a promise beyond a day is taken as a day",
    state: { session: { refreshAt: 1e9 } },
    event: { ...accepted, nextHeartbeatIn: 1e8 },
    wait: [86_400, 86_400],
    act: "beat",
  },
  {
    name: "a beat that would come after the session's refresh is a handshake",
    state: { session: { refreshAt: 1057 } },
    event: accepted,
    wait: [57, 57],
    act: "handshake",
  },
  {
    name: "a 401 on a beat means one handshake within 10 s",
    event: unauthorized,
    wait: [0, 10],
    act: "handshake",
  },
  {
    name: "a 401 on a beat means one handshake within a short interval",
    state: { intervalSeconds: 5 },
    event: unauthorized,
    wait: [0, 5],
    act: "handshake",
  },
  {
    name: "a 401 on the new session's first beat is an outage's first retry",
    state: { rejectedBeats: 1 },
    event: unauthorized,
    wait: [0, 60],
    act: "handshake",
  },
  {
    name: "a third 401 is an outage's second retry",
    state: { rejectedBeats: 2 },
    event: unauthorized,
    wait: [2.5, 5],
    act: "handshake",
  },
  { name: "a verdict is asked again after a minute", event: refused, wait: [48, 72], act: "handshake" },
  { name: "then after four", state: { refusals: 1 }, event: refused, wait: [192, 288], act: "handshake" },
  { name: "then after sixteen", state: { refusals: 2 }, event: refused, wait: [768, 1152], act: "handshake" },
  {
    name: "then after an hour",
    state: { refusals: 3 },
    event: refused,
    wait: [2880, 4320],
    act: "handshake",
  },
  { name: "and never later", state: { refusals: 500 }, event: refused, wait: [2880, 4320], act: "handshake" },
  { name: "an outage's first retry comes within the interval", event: outage, wait: [0, 60], act: "beat" },
  {
    name: "and within a minute",
    state: { intervalSeconds: 3600 },
    event: outage,
    wait: [0, 60],
    act: "beat",
  },
  {
    name: "and within a short interval",
    state: { intervalSeconds: 7 },
    event: outage,
    wait: [0, 7],
    act: "beat",
  },
  { name: "the second comes within 5 s", state: { outages: 1 }, event: outage, wait: [2.5, 5], act: "beat" },
  { name: "the third within 10 s", state: { outages: 2 }, event: outage, wait: [5, 10], act: "beat" },
  { name: "the eighth within 300 s", state: { outages: 7 }, event: outage, wait: [150, 300], act: "beat" },
  { name: "and so on for ever", state: { outages: 5000 }, event: outage, wait: [150, 300], act: "beat" },
  {
    name: "an outage without a session is asked about with a handshake",
    state: { session: null },
    event: outage,
    wait: [0, 60],
    act: "handshake",
  },
  {
    name: "retry-after is never undercut",
    event: { ...outage, retryAfter: 100 },
    wait: [100, 120],
    act: "beat",
  },
  {
    name: "a retry-after of more than a day is read as a day",
    state: { session: { refreshAt: 1e9 } },
    event: { ...outage, retryAfter: 1e9 },
    wait: [86_400, 103_680],
    act: "beat",
  },
  {
    name: "a retry-after shorter than the own wait changes nothing",
    state: { outages: 7 },
    event: { ...outage, retryAfter: 1 },
    wait: [150, 300],
    act: "beat",
  },
  {
    name: "a resumed host beats at once",
    event: { type: "resumed", at: 1000, drift: 31 },
    wait: [0, 0],
    act: "beat",
  },
  {
    name: "a host that slept past its session shakes hands",
    event: { type: "resumed", at: 1000, drift: 9001 },
    wait: [0, 0],
    act: "handshake",
  },
  {
    name: "a second waking within a minute beats when the minute is over",
    state: { lastWake: 970 },
    event: { type: "resumed", at: 1000, drift: 31 },
    wait: [30, 30],
    act: "beat",
  },
  {
    name: "a second waking within a minute does not put off a beat that is due before",
    state: { lastWake: 990, due: { at: 1020, act: "beat" } },
    event: { type: "resumed", at: 1000, drift: 31 },
    wait: [20, 20],
    act: "beat",
  },
  {
    name: "a waking a minute later beats again",
    state: { lastWake: 940 },
    event: { type: "resumed", at: 1000, drift: 31 },
    wait: [0, 0],
    act: "beat",
  },
  {
    name: "a waking does not undercut retry-after, however far the wall clock went",
    state: { notBefore: 1100, due: { at: 1110, act: "beat" } },
    event: { type: "resumed", at: 1000, drift: 5000 },
    wait: [100, 100],
    act: "beat",
  },
  {
    name: "a sleep does not count towards a verdict's wait",
    state: { refusals: 2, session: null, due: { at: 1900, act: "handshake" } },
    event: { type: "resumed", at: 1000, drift: 600 },
    wait: [900, 900],
    act: "handshake",
  },
  {
    name: "a waking tries again at once during an outage",
    state: { outages: 7, due: { at: 1290, act: "beat" } },
    event: { type: "resumed", at: 1000, drift: 600 },
    wait: [0, 0],
    act: "beat",
  },
  {
    name: "new credentials are tried at once",
    state: { refusals: 4 },
    event: { type: "reloaded", at: 1000 },
    wait: [0, 0],
    act: "handshake",
  },
  {
    name: "new credentials do not undercut retry-after",
    state: { notBefore: 1030 },
    event: { type: "reloaded", at: 1000 },
    wait: [30, 30],
    act: "handshake",
  },
  {
    name: "another server was promised nothing",
    state: { notBefore: 87_400, outages: 3 },
    event: { type: "reloaded", at: 1000, isOtherServer: true },
    wait: [0, 0],
    act: "handshake",
  },
  {
    name: "an order to stop is obeyed at once",
    event: { type: "stop", at: 1000 },
    wait: [0, 0],
    act: "stop",
  },
];

for (const { name, state, event, wait: [least, most], act } of rows) {
  Deno.test(`client rules: ${name}`, () => {
    const before = { ...steady, ...state };
    for (const [random, expected] of [[low, least], [high, most]] as const) {
      const plan = next(before, event, random);
      assert.ok(Math.abs(plan.wait - expected) < 1e-5, `waits ${plan.wait} s, not ${expected} s`);
      assert.equal(plan.act, act);
      assert.deepEqual(plan.state.due, { at: event.at + plan.wait, act });
    }
  });
}

Deno.test("client rules: a beat that is accepted starts every count anew", () => {
  const worn = { ...steady, outages: 9, refusals: 9, rejectedBeats: 9, notBefore: 1e9 };
  const { state } = next(worn, accepted, low);
  assert.deepEqual([state.outages, state.refusals, state.rejectedBeats], [0, 0, 0]);
  assert.ok(state.notBefore < 0);
});

Deno.test("client rules: a handshake starts the waiting anew, but not the count of refused beats", () => {
  const { state } = next({ ...steady, outages: 9, refusals: 9, rejectedBeats: 2 }, greeted, low);
  assert.deepEqual([state.outages, state.refusals, state.rejectedBeats], [0, 0, 2]);
});

Deno.test("client rules: a verdict and a refused beat each forget the session", () => {
  assert.equal(next(steady, refused, low).state.session, null);
  assert.equal(next(steady, unauthorized, low).state.session, null);
});

Deno.test("client rules: new credentials start every count anew", () => {
  const worn = { ...steady, outages: 9, refusals: 9, rejectedBeats: 9 };
  const { state } = next(worn, { type: "reloaded", at: 1000 }, low);
  assert.deepEqual([state.outages, state.refusals, state.rejectedBeats, state.session], [0, 0, 0, null]);
});

Deno.test("client rules: an outage does not make the server trusted again", () => {
  assert.equal(next({ ...steady, rejectedBeats: 3 }, outage, low).state.rejectedBeats, 3);
});

Deno.test("client rules: a clock set an hour forward and back leaves a promise and a verdict where they were", () => {
  const promised = next(steady, { ...outage, retryAfter: 600 }, low).state;
  const moved = next(promised, { type: "resumed", at: 1010, drift: 3600 }, low).state;
  const again = next(moved, { type: "resumed", at: 1100, drift: 3600 }, low).state;
  assert.deepEqual([moved.due.at, again.due.at, again.notBefore], [1600, 1600, 1600]);
  const condemned = next({ ...steady, refusals: 2 }, refused, low).state;
  const woken = next(condemned, { type: "resumed", at: 1100, drift: 3600 }, low).state;
  assert.deepEqual(woken.due, condemned.due);
});

Deno.test("client rules: wakings at every tick beat once a minute, and count their own minute", () => {
  let state: State = { ...steady, session: { refreshAt: 1e9 }, due: { at: 1600, act: "beat" } };
  const beats: number[] = [];
  for (let at = 1000; at < 1600; at += 5) {
    if (state.due.at <= at) {
      beats.push(at);
      state = next(state, { ...accepted, at, nextHeartbeatIn: 600 }, low).state;
    }
    state = next(state, { type: "resumed", at, drift: 31 }, low).state;
  }
  assert.deepEqual(beats, [1005, 1060, 1120, 1180, 1240, 1300, 1360, 1420, 1480, 1540]);
});
