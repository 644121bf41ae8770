import { type Event, initialState, next, type State } from "../../cli/agent/rules.ts";
import { wholeNumberWithin } from "../../supabase/functions/_shared/random.ts";

/** A fleet, and a server that is down once, in seconds since the first agent started. */
export interface Fleet {
  agents: number;
  intervalSeconds: number;
  sessionSeconds: number;
  seconds: number;
  outage: { from: number; to: number };
}

/** What reached the server in each second, and what found it down. */
export interface Traffic {
  beats: number[];
  handshakes: number[];
  failed: number[];
}

/** Within this time of the first one, all agents have started. */
export const startsSeconds = 3600;

/**
 * Lives the fleet's life by the client rules. A server that is only up or down answers each agent as if it had no other,
 * so one agent's whole life comes after the other's: no queue, and the counts are those of all of them at once.
 */
export function liveAsFleet(fleet: Fleet, random: () => number): Traffic {
  const perSecond = (): number[] => new Array<number>(fleet.seconds).fill(0);
  const traffic = { beats: perSecond(), handshakes: perSecond(), failed: perSecond() };
  for (let agent = 0; agent < fleet.agents; agent++) liveAsAgent(fleet, traffic, random);
  return traffic;
}

function liveAsAgent(fleet: Fleet, traffic: Traffic, random: () => number): void {
  const { intervalSeconds, seconds } = fleet;
  const { beats, handshakes, failed } = traffic;
  const start: Event = { type: "start", at: startsSeconds * random(), session: null, intervalSeconds };
  let { state } = next(initialState, start, random);
  while (state.due.at < seconds) {
    const event = answerTo(state, fleet, random);
    count(event.type === "greeted" ? handshakes : event.type === "accepted" ? beats : failed, event.at);
    state = next(state, event, random).state;
  }
}

/** What the server answers to what is due, as the contract has it. */
function answerTo(
  { due: { at, act } }: State,
  { outage, intervalSeconds, sessionSeconds }: Fleet,
  random: () => number,
): Event {
  if (at >= outage.from && at < outage.to) return { type: "outage", at, retryAfter: 0 };
  if (act === "handshake") {
    const refreshIn = wholeNumberWithin(
      { from: 7 * sessionSeconds / 10, to: 9 * sessionSeconds / 10 },
      random(),
    );
    return { type: "greeted", at, refreshIn, intervalSeconds, nextHeartbeatIn: 0 };
  }
  const nextHeartbeatIn = wholeNumberWithin(
    { from: 9 * intervalSeconds / 10, to: 11 * intervalSeconds / 10 },
    random(),
  );
  return { type: "accepted", at, intervalSeconds, nextHeartbeatIn };
}

function count(perSecond: number[], at: number): void {
  const second = Math.floor(at);
  perSecond[second] = (perSecond[second] ?? 0) + 1;
}
