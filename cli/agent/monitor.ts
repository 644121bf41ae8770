import type { Acceptance, BeatReport, Greeting, Outcome } from "../api.ts";
import type { Clock } from "./clock.ts";
import type { Inbox } from "./inbox.ts";
import { type Act, type Event, next, type State, unborn } from "./rules.ts";

/** The server, as one agent sees it. */
export interface Server {
  handshake: (signal: AbortSignal) => Promise<Outcome<Greeting>>;
  beat: (token: string, report: BeatReport, signal: AbortSignal) => Promise<Outcome<Acceptance>>;
}

/** A session from before this process, and how long it may still be used. */
export interface KeptSession {
  token: string;
  refreshIn: number;
  intervalSeconds: number;
}

export interface Deps {
  server: Server;
  clock: Clock;
  inbox: Inbox;
  random: () => number;
  instanceId: string;
  /** What the host says of itself; never fails, and stops when the signal says so. */
  observe: (signal: AbortSignal) => Promise<Pick<BeatReport, "status" | "message" | "metrics">>;
  /** Keeps a session for the next process; a beat that was accepted is remembered as its last use. */
  keep: (greeting: Greeting) => Promise<void>;
  touch: () => Promise<void>;
  /** Reads the credentials again; whether they are others now. */
  reload: () => Promise<boolean>;
  tell: (news: News) => void;
}

export type Level = "error" | "warn" | "info" | "debug";

/** One line of the log. Never a token or a secret. */
export interface News {
  level: Level;
  event: string;
  text: string;
  details?: Record<string, string | number | null>;
}

/** How the monitor's life, or its one beat, ended. */
export type End =
  | { type: "stopped" }
  | { type: "accepted"; acceptance: Acceptance }
  | { type: "refused"; reason: string }
  /** With a code when it is the server's own refusal, one that is no verdict. */
  | { type: "outage"; reason: string; code?: string };

const tickSeconds = 5;
const jumpSeconds = 30;
const farewellSeconds = 3;

/**
 * The agent's life: a handshake, then a heartbeat whenever the server said, until it is told to stop. Nothing
 * that a server does ends it.
 */
export class Monitor {
  readonly #deps: Deps;
  #state: State = unborn;
  #token: string | null;
  #seq = 0;
  /** Whether an outage was told of, and its end was not. */
  #isOut = false;
  #last: { wall: number; monotonic: number };

  constructor(deps: Deps, kept: KeptSession | null) {
    this.#deps = deps;
    this.#last = this.#now();
    this.#token = kept?.token ?? null;
    const at = this.#last.monotonic;
    this.#follow({
      type: "start",
      at,
      session: kept === null ? null : { refreshAt: at + kept.refreshIn },
      intervalSeconds: kept?.intervalSeconds ?? unborn.intervalSeconds,
    });
  }

  /** Runs until it is told to stop, and says goodbye to the server. */
  async run(): Promise<End> {
    while (true) {
      await this.#wait();
      if (this.#state.due.act === "stop") return await this.#farewell();
      await this.#act(this.#state.due.act);
    }
  }

  /** Runs until one beat is accepted, or there is a reason why none will be. */
  async once(): Promise<End> {
    while (true) {
      await this.#wait();
      if (this.#state.due.act === "stop") return await this.#farewell();
      const wasDistrusted = this.#state.distrusted > 0;
      const end = await this.#act(this.#state.due.act);
      if (end !== null && (end.type !== "refused" || end.verdict || wasDistrusted)) return end;
    }
  }

  /** Returns when the next act is due, with every order that came meanwhile obeyed. */
  async #wait(): Promise<void> {
    const { clock, inbox } = this.#deps;
    while (true) {
      await this.#obey();
      this.#noticeJump();
      const left = this.#state.due.at - clock.monotonic();
      if (left <= 0 || this.#state.due.act === "stop") return;
      await clock.sleep(Math.min(tickSeconds, left), inbox.signal);
    }
  }

  async #obey(): Promise<void> {
    const { inbox, tell } = this.#deps;
    const order = inbox.take();
    if (order === "stop") this.#follow({ type: "stop", at: this.#now().monotonic });
    if (order !== "reload") return;
    if (!await this.#deps.reload()) return;
    tell({ level: "info", event: "reloaded", text: "the credentials were read again" });
    this.#token = null;
    this.#follow({ type: "reloaded", at: this.#now().monotonic });
  }

  #noticeJump(): void {
    const now = this.#now();
    const drift = now.wall - this.#last.wall - (now.monotonic - this.#last.monotonic);
    this.#last = now;
    if (drift <= jumpSeconds) return;
    const seconds = Math.round(drift);
    this.#deps.tell({
      level: "info",
      event: "woke",
      text: `the wall clock is ${seconds} s further than expected: the host slept, or its clock was set`,
      details: { seconds },
    });
    this.#follow({ type: "woke", at: now.monotonic, drift });
  }

  async #act(act: Act): Promise<(End & { verdict?: boolean }) | null> {
    // An order to stop ends what is under way; a new credentials file waits for its reply.
    const { inbox } = this.#deps;
    const given = new AbortController();
    const giveUp = (): void => {
      if (inbox.isStopping) given.abort();
    };
    const alarm = inbox.signal;
    alarm.addEventListener("abort", giveUp);
    try {
      if (act === "beat" && this.#token !== null) return await this.#beat(this.#token, given.signal);
      return await this.#handshake(given.signal);
    } finally {
      alarm.removeEventListener("abort", giveUp);
    }
  }

  async #handshake(signal: AbortSignal): Promise<(End & { verdict?: boolean }) | null> {
    const { server, tell, keep } = this.#deps;
    const outcome = await server.handshake(signal);
    const at = this.#now().monotonic;
    if (outcome.kind === "ok") {
      const { value } = outcome;
      this.#token = value.token;
      this.#follow({ type: "greeted", at, ...value });
      tell({
        level: "info",
        event: "handshake",
        text: `shook hands as "${value.agent.name}", for ${value.expiresIn} s`,
        details: { agent: value.agent.name, expires_in: value.expiresIn, refresh_in: value.refreshIn },
      });
      await keep(value);
      return null;
    }
    if (outcome.kind === "refused" && outcome.code === "invalid_credentials") {
      return this.#refused(outcome.description, at);
    }
    return this.#outage(outcome, at);
  }

  async #beat(token: string, signal: AbortSignal): Promise<(End & { verdict?: boolean }) | null> {
    const { server, tell, touch, observe, instanceId } = this.#deps;
    const observed = await observe(signal);
    if (signal.aborted) return null;
    const seq = ++this.#seq;
    const outcome = await server.beat(token, { ...observed, seq, instanceId }, signal);
    const at = this.#now().monotonic;
    if (outcome.kind === "ok") {
      const { value } = outcome;
      this.#sayRecovered();
      this.#follow({ type: "accepted", at, ...value });
      tell({
        level: "debug",
        event: "heartbeat",
        text: `beat ${seq} accepted (${observed.status}), the next one in ${value.nextHeartbeatIn} s`,
        details: { seq, status: observed.status, next_heartbeat_in: value.nextHeartbeatIn },
      });
      await touch();
      return { type: "accepted", acceptance: value };
    }
    if (outcome.kind === "refused" && /^(token_\w+|session_revoked)$/.test(outcome.code)) {
      return this.#unauthorized(outcome, at);
    }
    return this.#outage(outcome, at);
  }

  #unauthorized({ code, description }: { code: string; description: string }, at: number) {
    const level = this.#state.distrusted === 0 ? "info" : "warn";
    this.#token = null;
    this.#follow({ type: "unauthorized", at });
    this.#deps.tell({
      level,
      event: code,
      text: `${description}; shaking hands again in ${this.#waitText()}`,
    });
    return { type: "refused", reason: description, verdict: false } as const;
  }

  #refused(reason: string, at: number) {
    const level = this.#state.refusals === 0 ? "error" : "debug";
    this.#token = null;
    this.#follow({ type: "refused", at });
    this.#deps.tell({ level, event: "refused", text: `${reason}; asking again in ${this.#waitText()}` });
    return { type: "refused", reason, verdict: true } as const;
  }

  #outage(outcome: Exclude<Outcome<unknown>, { kind: "ok" }>, at: number): End {
    const reason = outcome.kind === "outage" ? outcome.reason : outcome.description;
    const retryAfter = outcome.kind === "outage" ? outcome.retryAfter : 0;
    this.#follow({ type: "outage", at, retryAfter });
    if (!this.#deps.inbox.isStopping) {
      const text = `the server cannot be had: ${reason}; trying again in ${this.#waitText()}`;
      this.#deps.tell({ level: this.#isOut ? "debug" : "warn", event: "outage", text, details: { reason } });
      this.#isOut = true;
    }
    return { type: "outage", reason, ...(outcome.kind === "refused" ? { code: outcome.code } : {}) };
  }

  #sayRecovered(): void {
    if (!this.#isOut) return;
    this.#isOut = false;
    this.#deps.tell({ level: "info", event: "recovered", text: "the server answers again" });
  }

  /** One last beat, if there is a session to send it with, within 3 s. */
  async #farewell(): Promise<End> {
    const { server, tell, instanceId } = this.#deps;
    if (this.#token !== null) {
      const report: BeatReport = { status: "stopping", metrics: {}, seq: ++this.#seq, instanceId };
      const outcome = await server.beat(this.#token, report, AbortSignal.timeout(farewellSeconds * 1000));
      const text = outcome.kind === "ok" ? "the server knows" : "the server was not told";
      tell({ level: "info", event: "stopped", text: `stopped, ${text}` });
    } else tell({ level: "info", event: "stopped", text: "stopped, without a session to say so with" });
    return { type: "stopped" };
  }

  #follow(event: Event): void {
    this.#state = next(this.#state, event, this.#deps.random).state;
  }

  #now(): { wall: number; monotonic: number } {
    const { clock } = this.#deps;
    return { wall: clock.wall(), monotonic: clock.monotonic() };
  }

  #waitText(): string {
    const seconds = this.#state.due.at - this.#deps.clock.monotonic();
    return `${Math.max(0, seconds).toFixed(seconds < 10 ? 1 : 0)} s`;
  }
}
