import { base64url } from "jose";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import { EventStream, eventText } from "./event_stream.ts";
import { Feed, type Watcher } from "./feed.ts";
import { lookAtChanges, lookAtMap, LookRefused } from "./fleet_look.ts";
import { Followed } from "./followed.ts";
import type { Sink } from "./replies.ts";
import type { Session } from "./sessions.ts";
import type { Keepalive } from "./state.ts";
import type { Upstream } from "./upstream.ts";

interface FeedsOptions {
  upstream: Upstream;
  now: () => Date;
  /** Milliseconds of a clock that never goes back. */
  clock: () => number;
  randomBytes: (length: number) => Uint8Array;
  /** Whether a session has not ended, and its credential holds. */
  isGoingOn: (session: Session) => Promise<boolean>;
  /** Calls back again and again, until what it returns is called. */
  every: (milliseconds: number, callback: () => void) => () => void;
  /** Notes an error of ours. */
  report: (error: unknown) => void;
}

interface Watching {
  session: Session;
  query: URLSearchParams;
  accepted: string | null;
  lastEventId: string | null;
  isHidden: boolean;
}

/** The place of one who watches from now on, but has no reply yet. */
interface Reservation {
  session: Session;
  key: string;
  until: number;
}

export const mostStreams = 200;
const mostOfSession = 20;
/** Looks take at most one part in so many of the time. */
const restParts = 10;
/** How much of that time they may take in advance: the whole map costs more than its changes. */
const aheadMs = 10_000;
/** Changes say all that a beat, an act or time changes. The whole map is the proof, and has what they do not say. */
const wholeEveryMs = 60_000;
/** A look that takes far longer than the one before it has waited for a server that was away or busy: no cost of ours. */
const suddenMs = 500;
/** How long the head of a reply may take before its place is free again. */
const reservedMs = 30_000;
/** For pages in the background, there is one look in the time of so many. */
const hiddenParts = 12;
const turnMs = 100;
export const keepaliveMs = 5000;

/**
 * Looks at the fleet for all who watch it, and sends what has changed. Those who see the same agents share their looks.
 * There is one look at a time, and for each feed at most one in the time that the server it asks has set: however
 * large the fleet is and however many watch it, to look takes a tenth of one processor at most, once a few looks have
 * shown what one costs. A look asks only for what may have changed since the one before it.
 */
export class Feeds {
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, Feed>();
  readonly #beginning = new Map<string, Promise<Feed>>();
  readonly #reserved = new Set<Reservation>();
  #timers: (() => void)[] = [];
  #paidUntil = 0;
  #isLooking = false;

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  /**
   * What of the fleet somebody watches, from now on.
   *
   * @returns how to begin to send it
   * @throws {LookRefused} when the API refuses it
   * @throws {ContractError} `unavailable` when too many watch already
   */
  async watch({ session, query, accepted, lastEventId, isHidden }: Watching): Promise<(sink: Sink) => void> {
    const key = JSON.stringify([session.viewer.ownerId, query.toString()]);
    const place = this.#reserve(session, key);
    const found = await this.#feedOf(key, session, query).catch((error) => {
      this.#reserved.delete(place);
      throw error;
    });
    return (sink) => {
      this.#reserved.delete(place);
      // It is another one only where the place was given up meanwhile.
      const feed = this.#feeds.get(key) ?? found;
      this.#feeds.set(key, feed);
      const events = new EventStream(sink, { accepted, catchUp: () => feed.snapshot() });
      const watcher = { session, events, isHidden };
      feed.watchers.add(watcher);
      if (!isHidden) feed.dueAt = Math.min(feed.dueAt, feed.lookedAt + this.#options.upstream.everyMs);
      this.#begin();
      events.send(`retry: 2000\n\n${feed.since(lastEventId)}${this.#keepaliveOf(feed)}`);
      const end = (): void => events.end();
      session.ended.addEventListener("abort", end);
      if (session.ended.aborted) end();
      sink.onceEnded(() => {
        session.ended.removeEventListener("abort", end);
        feed.watchers.delete(watcher);
        this.#forget();
      });
    };
  }

  /** Takes the next look that is due, if it is time for one. */
  async turn(): Promise<void> {
    const { clock } = this.#options;
    const at = clock();
    if (this.#isLooking || at < this.#paidUntil - aheadMs) return;
    const due = [...this.#feeds.values()].filter(({ dueAt, watchers }) => dueAt <= at && watchers.size > 0);
    const [feed] = due.sort((a, b) => a.dueAt - b.dueAt);
    if (feed === undefined) return;
    this.#isLooking = true;
    try {
      await this.#look(feed);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Sends everybody a keepalive, and ends what goes on for nobody any more. */
  async keepAlive(): Promise<void> {
    this.#forget();
    const sessions = new Set(this.#watchers().map(({ session }) => session));
    await Promise.all([...sessions].map((session) => this.#options.isGoingOn(session)));
    for (const feed of this.#feeds.values()) {
      const text = this.#keepaliveOf(feed);
      for (const { events } of feed.watchers) events.keepAlive(text);
    }
  }

  /** Ends every stream. */
  stop(): void {
    for (const { events } of this.#watchers()) events.end();
    this.#rest();
  }

  get size(): number {
    return this.#watchers().length;
  }

  #watchers(): Watcher[] {
    return [...this.#feeds.values()].flatMap(({ watchers }) => [...watchers]);
  }

  /** @throws {ContractError} `unavailable` when too many watch already */
  #reserve(session: Session, key: string): Reservation {
    this.#forget();
    const all = [...this.#watchers(), ...this.#reserved];
    const ofSession = all.filter((one) => one.session === session).length;
    if (all.length >= mostStreams || ofSession >= mostOfSession) {
      throw new ContractError("unavailable", "Cannot go on sending: too many pages watch already", {
        retryAfterSeconds: 30,
      });
    }
    const place = { session, key, until: this.#options.clock() + reservedMs };
    this.#reserved.add(place);
    return place;
  }

  /** Gives up the places of those who left before their reply, and the feeds that nobody watches or is about to. */
  #forget(): void {
    const at = this.#options.clock();
    for (const place of this.#reserved) if (place.until <= at) this.#reserved.delete(place);
    const wanted = new Set([...this.#reserved].map(({ key }) => key));
    for (const [key, { watchers }] of this.#feeds) {
      if (watchers.size === 0 && !wanted.has(key)) this.#feeds.delete(key);
    }
    if (this.#feeds.size === 0) this.#rest();
  }

  /** The feed of a key, with a map. Those who come while the first look is under way wait for it, too. */
  async #feedOf(key: string, session: Session, query: URLSearchParams): Promise<Feed> {
    const known = this.#feeds.get(key);
    if (known !== undefined) return known;
    const beginning = this.#beginning.get(key) ?? this.#open(key, session, query);
    this.#beginning.set(key, beginning);
    return await beginning;
  }

  async #open(key: string, session: Session, query: URLSearchParams): Promise<Feed> {
    try {
      const feed = new Feed(query, base64url.encode(this.#options.randomBytes(6)));
      await this.#measured(feed, () => this.#lookFor(feed, session));
      this.#feeds.set(key, feed);
      return feed;
    } finally {
      this.#beginning.delete(key);
    }
  }

  async #look(feed: Feed): Promise<void> {
    const [watcher] = feed.watchers;
    if (watcher === undefined) return;
    try {
      await this.#measured(feed, () => this.#lookFor(feed, watcher.session));
    } catch (error) {
      // Its watchers see that nothing was verified since, and a session whose credential was refused ends.
      if (error instanceof LookRefused && error.reply.status === 401) {
        await this.#options.isGoingOn(watcher.session);
      } else if (!(error instanceof LookRefused || error instanceof ContractError)) throw error;
    }
  }

  async #lookFor(feed: Feed, { viewer }: Session): Promise<void> {
    const { upstream, now, clock } = this.#options;
    const { query, followed } = feed;
    const at = now();
    if (followed !== null && clock() < feed.wholeDueAt) {
      const changes = await lookAtChanges(upstream, viewer, { query, cursor: followed.cursor });
      if (changes !== null && followed.take(changes)) {
        feed.take(followed.map, at);
        return feed.takeIncidents(changes.incidents, at);
      }
    }
    feed.wholeDueAt = clock() + wholeEveryMs;
    const looked = await lookAtMap(upstream, viewer, query);
    const whole = new Followed(looked);
    // Who comes to be one of these, and was not, is not among the changes of these.
    feed.followed = query.has("liveness") ? null : whole;
    feed.take(whole.map, at);
    feed.takeIncidents(looked.incidents, at);
  }

  async #measured(feed: Feed, look: () => Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const began = clock();
    try {
      await look();
      // One that failed has told nothing of what one costs, and must not make the next one late.
      feed.costMs = Math.min(clock() - began, 2 * feed.costMs + suddenMs);
    } finally {
      feed.lookedAt = began;
      feed.dueAt = began + this.#everyMs(feed);
      const owed = Math.min(Math.max(this.#paidUntil, began), began + aheadMs);
      this.#paidUntil = owed + restParts * feed.costMs;
    }
  }

  #everyMs(feed: Feed): number {
    const { everyMs } = this.#options.upstream;
    return feed.watchers.size > 0 && feed.isHidden ? everyMs * hiddenParts : everyMs;
  }

  #keepaliveOf(feed: Feed): string {
    const keepalive: Keepalive = {
      at: this.#options.now().toISOString(),
      verified_at: feed.verifiedAt?.toISOString() ?? null,
      every_ms: Math.max(this.#everyMs(feed), Math.round(restParts * this.#roundMs())),
    };
    return eventText("keepalive", keepalive);
  }

  /** How long one look of each feed takes. */
  #roundMs(): number {
    return [...this.#feeds.values()].reduce((sum, { costMs }) => sum + costMs, 0);
  }

  #begin(): void {
    if (this.#timers.length > 0) return;
    const { every, report } = this.#options;
    this.#timers = [
      every(turnMs, () => void this.turn().catch(report)),
      every(keepaliveMs, () => void this.keepAlive().catch(report)),
    ];
  }

  #rest(): void {
    for (const stop of this.#timers.splice(0)) stop();
  }
}
