import type { BeatReport, HandshakeReply, HeartbeatReply, Outcome } from "../api/agent.ts";
import type { Clock } from "../host/clock.ts";
import type { Server } from "./agent.ts";
import type { Inbox } from "./inbox.ts";
import type { Change } from "./keeper.ts";
import type { Reloaded } from "./reload.ts";
import {
  type Act,
  afterFailedRotation,
  type Event,
  freshRotation,
  initialState,
  isOld,
  next,
  type Rotation,
  type State,
} from "./rules.ts";
import type { KeptSession } from "./session_cache.ts";

export interface Deps {
  server: Server;
  clock: Clock;
  inbox: Inbox;
  random: () => number;
  instanceId: string;
  /** What the host says of itself; never fails, and stops when the signal says so. */
  observe: (signal: AbortSignal) => Promise<Observed>;
  /** Keeps a session for the next process; a beat that was accepted is remembered as its last use. */
  keep: (greeting: HandshakeReply) => Promise<void>;
  touch: () => Promise<void>;
  /** Reads the credentials again; whether they are others now. */
  reload: () => Promise<Reloaded>;
  /** The same, before `invalid_credentials` counts as a verdict. */
  reread: () => Promise<Reloaded>;
  /** The age at which the secret is rotated; null: only when the server asks for it. */
  rotateEverySeconds: number | null;
  /** What a stop says: after how long it means to be back. */
  backInSeconds?: number | undefined;
  tell: (news: News) => void;
}

export type Level = "error" | "warn" | "info" | "debug";

type Observed = Pick<BeatReport, "status" | "message" | "metrics" | "work" | "backInSeconds">;

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
  /** Told to stop before its one beat was accepted. */
  | { type: "interrupted" }
  | { type: "accepted"; acceptance: HeartbeatReply }
  | { type: "refused"; reason: string }
  /** With a code when it is the server's own refusal that is not a verdict. */
  | { type: "outage"; reason: string; code?: string };

/** What is told of a change of the identity, and of one that failed. */
const changes = {
  rotated: { done: "the secret was rotated", failed: "the secret was not rotated" },
  adopted: {
    done: "this host has an identity of its own now",
    failed: "the identity that the server gave to this host is not used",
  },
};

const tickSeconds = 5;
const jumpSeconds = 30;
const farewellSeconds = 3;

/**
 * The agent's life: a handshake, then a heartbeat whenever the server said, until it is told to stop. Nothing
 * that a server does ends it.
 */
export class Monitor {
  readonly #deps: Deps;
  #state: State = initialState;
  #token: string | null;
  #seq = 0;
  /** How long it took to look at the host before the last beat. */
  #observing = 0;
  /** How the host was when that was last told of. */
  #reportedStatus: BeatReport["status"] = "healthy";
  /** What keeps the beats out, and was told of; null: nothing, or its end was told, too. */
  #outageReported: string | null = null;
  /** Whether there will be another try: a single beat has none. */
  #willRetry = true;
  #last: { wall: number; monotonic: number };
  #rotation: Rotation;

  constructor(deps: Deps, kept: KeptSession | null) {
    this.#deps = deps;
    this.#last = this.#now();
    this.#rotation = freshRotation(deps.random);
    this.#token = kept?.token ?? null;
    const at = this.#last.monotonic;
    this.#follow({
      type: "start",
      at,
      session: kept === null ? null : { refreshAt: at + kept.refreshIn },
      intervalSeconds: kept?.intervalSeconds ?? initialState.intervalSeconds,
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

  /**
   * Runs until one beat is accepted, or there is a reason why none will be. It says no goodbye: that would make
   * an agent out of service of one that another process may be watching over.
   */
  async once(): Promise<End> {
    this.#willRetry = false;
    while (true) {
      await this.#wait();
      if (this.#state.due.act === "stop") return { type: "interrupted" };
      const wasRejected = this.#state.rejectedBeats > 0;
      const end = await this.#act(this.#state.due.act);
      if (end?.type !== "accepted" && this.#deps.inbox.isStopping) return { type: "interrupted" };
      if (end !== null && (end.type !== "refused" || end.verdict || wasRejected)) return end;
    }
  }

  /**
   * Tries until one beat is accepted, the server refuses this agent, it is told to stop, or the next try would come
   * later than so many seconds; then with what was in the way. It says no goodbye.
   */
  async untilAccepted(seconds: number): Promise<End> {
    const over = this.#deps.clock.monotonic() + seconds;
    let last: End = { type: "interrupted" };
    while (this.#state.due.at < over) {
      await this.#wait();
      if (this.#state.due.act === "stop") return last;
      const end = await this.#act(this.#state.due.act);
      if (end?.type === "accepted" || (end?.type === "refused" && end.verdict)) return end;
      // What an order to stop has ended is no fault of the server.
      if (end !== null && !this.#deps.inbox.isStopping) last = end;
    }
    return last;
  }

  /** Returns when the next act is due, with every order that came meanwhile obeyed. */
  async #wait(): Promise<void> {
    const { clock, inbox } = this.#deps;
    while (true) {
      await this.#handleOrders();
      if (this.#state.due.act === "stop") return;
      this.#noticeJump();
      const left = this.#state.due.at - this.#lead() - clock.monotonic();
      if (left <= 0) return;
      await clock.sleep(Math.min(tickSeconds, left), inbox.signal);
    }
  }

  /** How long before a beat is due the host is looked at, so that looking does not make it late. */
  #lead(): number {
    const { due, intervalSeconds } = this.#state;
    return due.act === "beat" ? Math.min(this.#observing, intervalSeconds / 2) : 0;
  }

  async #handleOrders(): Promise<void> {
    const { inbox } = this.#deps;
    const order = inbox.take();
    if (order === "stop") this.#follow({ type: "stop", at: this.#now().monotonic });
    if (order !== "reload") return;
    this.#take(await this.#deps.reload());
  }

  /** Whether what was read again is other than what it had; then that is used from now on. */
  #take(reloaded: Reloaded): boolean {
    if (reloaded === "same") return false;
    this.#deps.tell({ level: "info", event: "reloaded", text: "the credentials were read again" });
    this.#token = null;
    const event = { type: "reloaded", at: this.#now().monotonic } as const;
    this.#follow(reloaded === "other server" ? { ...event, isOtherServer: true } : event);
    return true;
  }

  #noticeJump(): void {
    const now = this.#now();
    const drift = now.wall - this.#last.wall - (now.monotonic - this.#last.monotonic);
    this.#last = now;
    if (drift <= jumpSeconds) return;
    const seconds = Math.round(drift);
    this.#deps.tell({
      level: "info",
      event: "resumed",
      text: `the wall clock is ${seconds} s further than expected: the host slept, or its clock was set`,
      details: { seconds },
    });
    // Whatever stood between has forgotten the connection from before, and a request on it would wait for nothing.
    this.#deps.server.hangUp();
    this.#follow({ type: "resumed", at: now.monotonic, drift });
  }

  async #act(act: Act): Promise<(End & { verdict?: boolean }) | null> {
    // An order to stop ends what is under way; a new credentials file waits for its reply. The signal of the
    // inbox lives as long as the process: what is derived from it for one act must let go of it.
    const { stopping } = this.#deps.inbox;
    const given = new AbortController();
    const giveUp = (): void => given.abort();
    if (stopping.aborted) giveUp();
    stopping.addEventListener("abort", giveUp);
    try {
      if (act === "beat" && this.#token !== null) return await this.#beat(this.#token, given.signal);
      return await this.#handshake(given.signal);
    } finally {
      stopping.removeEventListener("abort", giveUp);
    }
  }

  /** `isExtra`: it is not the one that was due, and changes no beat's time. */
  async #handshake(
    signal: AbortSignal,
    { isExtra = false } = {},
  ): Promise<(End & { verdict?: boolean }) | null> {
    const outcome = await this.#deps.server.handshake(signal);
    // What was just received is not aged by a sleep before it; an outage is retried because of it.
    if (outcome.kind === "ok") this.#noticeJump();
    const at = this.#now().monotonic;
    if (outcome.kind === "ok") {
      const { value } = outcome;
      this.#follow(isExtra ? { type: "renewed", at, ...value } : { type: "greeted", at, ...value });
      await this.#useSession(value);
      await this.#renewIdentity(value, signal);
      return null;
    }
    if (outcome.kind === "refused" && outcome.code === "invalid_credentials") {
      // Another process of this host may have rotated the secret, or somebody mended it.
      if (this.#take(await this.#deps.reread())) return null;
      return this.#refused(outcome.description, at);
    }
    return isExtra ? null : this.#outage(outcome, at);
  }

  async #useSession(greeting: HandshakeReply): Promise<void> {
    const { agent: { name }, token, expiresIn, refreshIn, identity } = greeting;
    this.#token = token;
    this.#deps.tell({
      level: "info",
      event: "handshake",
      text: `shook hands as "${name}", for ${expiresIn} s`,
      details: { agent: name, expires_in: expiresIn, refresh_in: refreshIn },
    });
    // Of an identity that is about to be left, the next process would go on with the session, and not ask again.
    if (identity === null) await this.#deps.keep(greeting);
  }

  /** Uses the identity that the server gave to this host, and rotates a secret that is old enough. */
  async #renewIdentity({ identity, secretAgeSeconds }: HandshakeReply, signal: AbortSignal): Promise<void> {
    const { server, rotateEverySeconds: everySeconds } = this.#deps;
    if (identity !== null) return await this.#takeChange("adopted", await server.adopt(identity, signal));
    if (secretAgeSeconds === null || everySeconds === null) return;
    if (isOld({ ageSeconds: secretAgeSeconds, everySeconds }, this.#rotation)) await this.#rotate(signal);
  }

  async #rotate(signal: AbortSignal): Promise<void> {
    if (this.#now().monotonic < this.#rotation.notBefore) return;
    await this.#takeChange("rotated", await this.#deps.server.rotate(signal));
  }

  /** What is wrong with a rotation keeps no beat from being sent. */
  async #takeChange(event: keyof typeof changes, change: Change): Promise<void> {
    const { tell, random, reread, inbox } = this.#deps;
    const at = this.#now().monotonic;
    if (change.kind === "changed") {
      this.#rotation = freshRotation(random);
      this.#follow({ type: "renewed", at, ...change.greeting });
      await this.#useSession(change.greeting);
      return tell({ level: "info", event, text: changes[event].done });
    }
    if (change.kind === "other" && this.#take(await reread())) return;
    if (inbox.isStopping) return;
    const { failures } = this.#rotation;
    const retryAfter = change.kind === "failed" ? change.retryAfter : 0;
    this.#rotation = afterFailedRotation(this.#rotation, { at, retryAfter }, random);
    const level = failures === 0 ? "warn" : "debug";
    tell({ level, event: `not_${event}`, text: `${changes[event].failed}: ${change.reason}` });
  }

  async #beat(token: string, signal: AbortSignal): Promise<(End & { verdict?: boolean }) | null> {
    const { server, clock, tell, touch, observe, instanceId } = this.#deps;
    const started = clock.monotonic();
    const observed = await observe(signal);
    this.#observing = clock.monotonic() - started;
    if (!signal.aborted) this.#tellHealth(observed);
    const early = this.#state.due.at - clock.monotonic();
    if (early > 0) await clock.sleep(early, signal);
    if (signal.aborted) return null;
    const seq = ++this.#seq;
    const outcome = await server.beat(token, { ...observed, seq, instanceId }, signal);
    if (outcome.kind === "ok") this.#noticeJump();
    const at = this.#now().monotonic;
    if (outcome.kind === "ok") {
      const { value } = outcome;
      this.#reportRecovery();
      this.#follow({ type: "accepted", at, ...value });
      tell({
        level: "debug",
        event: "heartbeat",
        text: `beat ${seq} accepted (${observed.status}), the next one in ${value.nextHeartbeatIn} s`,
        details: { seq, next_heartbeat_in: value.nextHeartbeatIn, ...healthOf(observed) },
      });
      await touch();
      await this.#obey(value, signal);
      return { type: "accepted", acceptance: value };
    }
    if (outcome.kind === "refused" && isSessionRejection(outcome.code)) {
      return this.#unauthorized(outcome, at);
    }
    return this.#outage(outcome, at);
  }

  /** Does what the server asks for besides beats. Done or not, the next beat comes when it is due. */
  async #obey({ directives }: HeartbeatReply, signal: AbortSignal): Promise<void> {
    if (directives.includes("handshake")) await this.#handshake(signal, { isExtra: true });
    if (directives.includes("rotate")) await this.#rotate(signal);
  }

  /** Says it where the host is, too, and not at every beat. */
  #tellHealth(observed: Observed): void {
    if (observed.status === this.#reportedStatus) return;
    this.#reportedStatus = observed.status;
    const reason = observed.message === undefined ? "" : `: ${observed.message}`;
    this.#deps.tell({
      level: observed.status === "healthy" ? "info" : "warn",
      event: "status",
      text: `the host is ${observed.status}${reason}`,
      details: healthOf(observed),
    });
  }

  #unauthorized({ code, description }: { code: string; description: string }, at: number) {
    const level = this.#state.rejectedBeats === 0 ? "info" : "warn";
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
    this.#deps.tell({ level, event: "refused", text: `${reason}${this.#next("asking")}` });
    return { type: "refused", reason, verdict: true } as const;
  }

  #outage(outcome: Exclude<Outcome<unknown>, { kind: "ok" }>, at: number): End {
    const reason = outcome.kind === "outage" ? outcome.reason : outcome.description;
    const retryAfter = outcome.kind === "outage" ? outcome.retryAfter : 0;
    this.#follow({ type: "outage", at, retryAfter });
    if (!this.#deps.inbox.isStopping) {
      // It was reached, and the same request will be refused again: that is told as what it is.
      const isRefusal = outcome.kind === "refused" && outcome.code === "invalid_request";
      const event = isRefusal ? "invalid_request" : "outage";
      const what = isRefusal ? "the server does not take what this agent sends" : "cannot reach the server";
      this.#deps.tell({
        level: this.#outageReported === event ? "debug" : isRefusal ? "error" : "warn",
        event,
        text: `${what}: ${reason}${this.#next("trying")}`,
        details: { reason },
      });
      this.#outageReported = event;
    }
    return { type: "outage", reason, ...(outcome.kind === "refused" ? { code: outcome.code } : {}) };
  }

  #reportRecovery(): void {
    if (this.#outageReported === null) return;
    this.#outageReported = null;
    this.#deps.tell({ level: "info", event: "recovered", text: "the server answers again" });
  }

  /** One last beat within 3 s, with a new session where there is none to send it with. */
  async #farewell(): Promise<End> {
    const told = await this.#notifyServer(AbortSignal.timeout(farewellSeconds * 1000));
    const text = told ? "the server was told" : "the server was not told";
    this.#deps.tell({ level: "info", event: "stopped", text: `stopped; ${text}` });
    return { type: "stopped" };
  }

  /** Whether the server was told. A verdict stands: a refused agent does not shake hands again to say goodbye. */
  async #notifyServer(signal: AbortSignal): Promise<boolean> {
    const { session, refusals } = this.#state;
    if (refusals > 0) return false;
    const isGood = session !== null && this.#now().monotonic < session.refreshAt;
    if (isGood && this.#token !== null) {
      const outcome = await this.#sendStopping(this.#token, signal);
      if (outcome.kind !== "refused" || !isSessionRejection(outcome.code)) return outcome.kind === "ok";
    }
    const greeting = await this.#deps.server.handshake(signal);
    if (greeting.kind !== "ok") return false;
    await this.#deps.keep(greeting.value);
    return (await this.#sendStopping(greeting.value.token, signal)).kind === "ok";
  }

  #sendStopping(token: string, signal: AbortSignal): Promise<Outcome<HeartbeatReply>> {
    const { server, instanceId, backInSeconds } = this.#deps;
    const report = { status: "stopping", metrics: {}, backInSeconds, seq: ++this.#seq, instanceId } as const;
    return server.beat(token, report, signal);
  }

  #follow(event: Event): void {
    this.#state = next(this.#state, event, this.#deps.random).state;
  }

  #now(): { wall: number; monotonic: number } {
    const { clock } = this.#deps;
    return { wall: clock.wall(), monotonic: clock.monotonic() };
  }

  #next(doing: "asking" | "trying"): string {
    return this.#willRetry ? `; ${doing} again in ${this.#waitText()}` : "";
  }

  #waitText(): string {
    const seconds = this.#state.due.at - this.#deps.clock.monotonic();
    return `${Math.max(0, seconds).toFixed(seconds < 10 ? 1 : 0)} s`;
  }
}

function healthOf({ status, message }: Observed): Record<string, string> {
  return { status, ...(message === undefined ? {} : { status_message: message }) };
}

/** Whether a refusal is a 401 on a beat: the session does not hold, which says nothing of the agent. */
function isSessionRejection(code: string): boolean {
  return /^(token_\w+|session_revoked)$/.test(code);
}
