import type {
  BeatReport,
  Credentials,
  Directive,
  HandshakeReply,
  HeartbeatReply,
  Outcome,
} from "../../../cli/api/agent.ts";
import { Inbox } from "../../../cli/agent/inbox.ts";
import type { Change } from "../../../cli/agent/keeper.ts";
import { type Deps, type End, Monitor, type News } from "../../../cli/agent/monitor.ts";

/** A request as the simulated server saw it, in seconds since the start. */
export interface Seen {
  at: number;
  act: "handshake" | "beat" | "rotate" | "adopt";
  report?: BeatReport;
}

export interface World {
  monotonic: number;
  wall: number;
}

interface Rules {
  hours: number;
  /** What the server answers; by default all is well. */
  handshake?: (world: World, seen: Seen[]) => Outcome<HandshakeReply>;
  beat?: (world: World, seen: Seen[]) => Outcome<HeartbeatReply>;
  /** Called at every tick of the agent. */
  tick?: (world: World, inbox: Inbox) => void;
  random?: () => number;
  reload?: () => boolean;
  /** Whether another identity is found before a verdict counts. */
  reread?: () => boolean;
  rotate?: (world: World, seen: Seen[]) => Change;
  adopt?: (identity: Credentials) => Change;
  rotateEverySeconds?: number;
  /** How many seconds it takes to look at the host. */
  observing?: number;
  /** How the host is; by default healthy. */
  health?: (world: World, inbox: Inbox) => Pick<BeatReport, "status" | "message">;
  once?: true;
  /** Until one beat is accepted, for so many seconds. */
  within?: number;
}

export const timing = { serverTime: null, sentAt: 0, receivedAt: 0 };
export const down: Outcome<never> = { kind: "outage", reason: "nobody answers", retryAfter: 0 };

export function greeting(more: Partial<HandshakeReply> = {}): Outcome<HandshakeReply> {
  const agent = { id: "a", name: "edge 1" };
  return {
    kind: "ok",
    timing,
    value: {
      token: "a.b.c",
      expiresIn: 900,
      refreshIn: 700,
      intervalSeconds: 60,
      nextHeartbeatIn: 0,
      agent,
      secretAgeSeconds: 0,
      identity: null,
      ...more,
    },
  };
}

export function acceptance(nextHeartbeatIn = 60, directives: Directive[] = []): Outcome<HeartbeatReply> {
  return { kind: "ok", timing, value: { intervalSeconds: 60, nextHeartbeatIn, directives } };
}

/** Another identity, with which a handshake was accepted. */
export function changed(more: Partial<HandshakeReply> = {}): Change {
  const outcome = greeting(more);
  if (outcome.kind !== "ok") throw new Error("a greeting is one");
  return { kind: "changed", greeting: outcome.value };
}

export function refusal(code: string): Outcome<never> {
  return { kind: "refused", code, description: `Cannot accept it: ${code}` };
}

export interface Life {
  seen: Seen[];
  news: News[];
  /** Of which handshakes the session was kept for the next process. */
  kept: HandshakeReply[];
  /** When it gave up the connections that it had kept. */
  hungUp: number[];
  world: World;
  end: End;
}

/** Lives an agent's life in simulated time, and returns what the server and the log saw of it. */
export async function live(rules: Rules): Promise<Life> {
  const world: World = { monotonic: 1000, wall: 1.7e9 };
  const inbox = new Inbox();
  const seen: Seen[] = [];
  const news: News[] = [];
  const kept: HandshakeReply[] = [];
  const hungUp: number[] = [];
  const ask = <Value>(act: Seen["act"], answer: () => Value, report?: BeatReport) => {
    seen.push({ at: world.monotonic - 1000, act, ...(report === undefined ? {} : { report }) });
    world.monotonic += 0.05;
    world.wall += 0.05;
    return Promise.resolve(answer());
  };
  const deps: Deps = {
    server: {
      handshake: () => ask("handshake", () => rules.handshake?.(world, seen) ?? greeting()),
      beat: (_token, report) => ask("beat", () => rules.beat?.(world, seen) ?? acceptance(), report),
      rotate: () => ask("rotate", () => rules.rotate?.(world, seen) ?? changed()),
      adopt: (identity) => ask("adopt", () => rules.adopt?.(identity) ?? changed()),
      hangUp: () => void hungUp.push(world.monotonic - 1000),
    },
    clock: {
      monotonic: () => world.monotonic,
      wall: () => world.wall,
      sleep(seconds) {
        world.monotonic += seconds;
        world.wall += seconds;
        rules.tick?.(world, inbox);
        if (world.monotonic - 1000 > rules.hours * 3600) inbox.put("stop");
        return Promise.resolve();
      },
    },
    inbox,
    random: rules.random ?? Math.random,
    instanceId: "i",
    observe() {
      world.monotonic += rules.observing ?? 0;
      world.wall += rules.observing ?? 0;
      return Promise.resolve({ ...rules.health?.(world, inbox) ?? { status: "healthy" }, metrics: {} });
    },
    keep(greeting) {
      kept.push(greeting);
      return Promise.resolve();
    },
    touch: () => Promise.resolve(),
    reload: () => Promise.resolve(rules.reload?.() ? "other" : "same"),
    reread: () => Promise.resolve(rules.reread?.() ? "other" : "same"),
    rotateEverySeconds: rules.rotateEverySeconds ?? null,
    tell: (line) => void news.push(line),
  };
  const life = new Monitor(deps, null);
  const end =
    await (rules.once
      ? life.once()
      : rules.within === undefined
      ? life.run()
      : life.untilAccepted(rules.within));
  return { seen, news, kept, hungUp, world, end };
}
