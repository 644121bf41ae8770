/** What the agent knows, in seconds of the monotonic clock. */
export interface State {
  /** As the server said last. */
  intervalSeconds: number;
  /** Null: there is none, a handshake comes first. */
  session: { refreshAt: number } | null;
  /** Beats that were answered with a 401 since the last one that was accepted. */
  rejectedBeats: number;
  /** Outages and refused handshakes in a row. */
  outages: number;
  refusals: number;
  /** What a server that asked for time was promised. */
  notBefore: number;
  lastWake: number;
  /** What comes next, and when. */
  due: { at: number; act: Act };
}

export type Act = "handshake" | "beat" | "stop";

export type Event =
  & { at: number }
  & (
    | { type: "start"; session: { refreshAt: number } | null; intervalSeconds: number }
    | { type: "greeted"; refreshIn: number; intervalSeconds: number; nextHeartbeatIn: number }
    /** A handshake besides those that were due: it changes no beat's time. */
    | { type: "renewed"; refreshIn: number }
    | { type: "accepted"; intervalSeconds: number; nextHeartbeatIn: number }
    /** A 401 on a beat. */
    | { type: "unauthorized" }
    /** `invalid_credentials` from a handshake. */
    | { type: "refused" }
    | { type: "outage"; retryAfter: number }
    /** The wall clock moved further than the monotonic one: the host was suspended. */
    | { type: "resumed"; drift: number }
    /** The credentials were read again and are others, perhaps those of another server. */
    | { type: "reloaded"; isOtherServer?: true }
    | { type: "stop" }
  );

export interface Plan {
  state: State;
  wait: number;
  act: Act;
}

const longestWait = 86_400;
const wakesEverySeconds = 60;

/** The state before anything happened. */
export const initialState: State = {
  intervalSeconds: 60,
  session: null,
  rejectedBeats: 0,
  outages: 0,
  refusals: 0,
  notBefore: -Infinity,
  lastWake: -Infinity,
  due: { at: 0, act: "handshake" },
};

/**
 * The contract's client rules: from what is known and what happened to what comes next and how long to wait
 * for it. Pure; `random` gives fresh numbers from 0 up to, not including, 1. A `retry-after` of more than a day
 * is read as a day: no server's slip may silence an agent for good.
 */
export function next(state: State, event: Event, random: () => number): Plan {
  switch (event.type) {
    case "start": {
      const { session, intervalSeconds } = event;
      return plan({ ...state, session, intervalSeconds }, event.at, 0);
    }
    case "greeted":
      return afterHandshake(state, event);
    case "renewed": {
      const session = { refreshAt: event.at + event.refreshIn };
      return plan({ ...resetBackoff(state), session }, event.at, Math.max(0, state.due.at - event.at));
    }
    case "accepted":
      return plan(
        { ...resetBackoff(state), rejectedBeats: 0, intervalSeconds: event.intervalSeconds },
        event.at,
        clamp(event.nextHeartbeatIn, 1),
      );
    case "unauthorized":
      return afterRejectedBeat(state, event.at, random);
    case "refused":
      return plan(
        { ...state, session: null, refusals: state.refusals + 1 },
        event.at,
        afterRefusals(state.refusals, random),
      );
    case "outage":
      return afterOutage(state, event, random);
    case "resumed":
      return afterResume(state, event);
    case "reloaded":
      return afterReload(state, event);
    case "stop":
      return { state: { ...state, due: { at: event.at, act: "stop" } }, wait: 0, act: "stop" };
  }
}

/** How the tries to rotate the secret went, in seconds of the monotonic clock. */
export interface Rotation {
  /** Tries in a row of which nothing came. */
  failures: number;
  notBefore: number;
  /** From 0 up to 1: drawn anew for each secret. */
  draw: number;
}

/** The rotation before anything happened, or after one. */
export function freshRotation(random: () => number): Rotation {
  return { failures: 0, notBefore: -Infinity, draw: random() };
}

/** Whether a secret has the age at which it is rotated: `everySeconds` × U(0.9, 1), the draw of which is given. */
export function isOld(
  { ageSeconds, everySeconds }: { ageSeconds: number; everySeconds: number },
  { draw }: Rotation,
): boolean {
  return ageSeconds > everySeconds * (0.9 + 0.1 * draw);
}

/** A rotation that failed is tried again as rarely as a refused agent asks, and no sooner than the server said. */
export function afterFailedRotation(
  rotation: Rotation,
  { at, retryAfter }: { at: number; retryAfter: number },
  random: () => number,
): Rotation {
  const asked = Math.min(longestWait, retryAfter) * between(1, 1.2, random);
  const wait = Math.max(afterRefusals(rotation.failures, random), asked);
  return { ...rotation, failures: rotation.failures + 1, notBefore: at + wait };
}

function afterHandshake(state: State, event: Event & { type: "greeted" }): Plan {
  const session = { refreshAt: event.at + event.refreshIn };
  const greeted = { ...resetBackoff(state), session, intervalSeconds: event.intervalSeconds };
  const wait = clamp(event.nextHeartbeatIn, 0);
  // A session is there to beat with: however short its life, a beat follows its handshake.
  return { state: { ...greeted, due: { at: event.at + wait, act: "beat" } }, wait, act: "beat" };
}

/**
 * The first 401 is answered with a handshake; a 401 on the new session's first beat counts as an outage. The
 * handshake between them must not make the count start anew, or a server that opens sessions and then
 * refuses them would be asked at the first retry's pace for ever.
 */
function afterRejectedBeat(state: State, at: number, random: () => number): Plan {
  const known = { ...state, session: null, rejectedBeats: state.rejectedBeats + 1 };
  const wait = state.rejectedBeats === 0
    ? Math.min(10, state.intervalSeconds) * random()
    : backoff(state.rejectedBeats - 1, state.intervalSeconds, random);
  return plan(known, at, wait);
}

function afterOutage(state: State, event: Event & { type: "outage" }, random: () => number): Plan {
  const own = backoff(state.outages, state.intervalSeconds, random);
  const asked = Math.min(longestWait, event.retryAfter) * between(1, 1.2, random);
  const known = { ...state, outages: state.outages + 1, notBefore: event.at + asked };
  return plan(known, event.at, Math.max(own, asked));
}

/**
 * The suspended time ages a session, though the monotonic clock stood still; what a server asked for and a
 * verdict's wait run on the monotonic clock only: a wall clock that is set forward and back would undo them.
 */
function afterResume(state: State, { at, drift }: Event & { type: "resumed" }): Plan {
  const { session, due, refusals, notBefore, lastWake } = state;
  const known = { ...state, session: session === null ? null : { refreshAt: session.refreshAt - drift } };
  const earliest = refusals > 0 ? Infinity : Math.max(at, notBefore, lastWake + wakesEverySeconds);
  if (due.at <= earliest) return plan(known, at, Math.max(0, due.at - at));
  return plan({ ...known, lastWake: earliest }, at, earliest - at);
}

/** Somebody mended the credentials: ask now, but for what this server was promised. */
function afterReload(state: State, { at, isOtherServer }: Event & { type: "reloaded" }): Plan {
  const notBefore = isOtherServer ? -Infinity : state.notBefore;
  const known = { ...state, session: null, rejectedBeats: 0, outages: 0, refusals: 0, notBefore };
  return plan(known, at, Math.max(0, notBefore - at));
}

/** Any 200 of ours starts the waiting anew. */
function resetBackoff(state: State): State {
  return { ...state, outages: 0, refusals: 0, notBefore: -Infinity };
}

/** A beat, or the handshake without which it would come too late. */
function plan(state: State, at: number, wait: number): Plan {
  const due = at + wait;
  const act = state.session !== null && due < state.session.refreshAt ? "beat" : "handshake";
  return { state: { ...state, due: { at: due, act } }, wait, act };
}

function afterRefusals(before: number, random: () => number): number {
  return Math.min(3600, 60 * 4 ** before) * between(0.8, 1.2, random);
}

function backoff(failures: number, intervalSeconds: number, random: () => number): number {
  if (failures === 0) return Math.min(60, intervalSeconds) * random();
  return Math.min(300, 5 * 2 ** (failures - 1)) * between(0.5, 1, random);
}

function between(from: number, to: number, random: () => number): number {
  return from + (to - from) * random();
}

function clamp(seconds: number, least: number): number {
  return Math.min(longestWait, Math.max(least, seconds));
}
