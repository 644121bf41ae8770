import { setImmediate } from "node:timers";

/** A call got no reply in time. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  readonly code = "TIMEOUT";

  constructor(timeoutMs: number) {
    super(`no reply within ${timeoutMs / 1000} s`);
  }
}

type Make<Item, Result> = (items: readonly Item[]) => Promise<(Result | null)[]>;

interface Options<Item, Result> {
  /** Makes one call of a list whose keys differ; one result for every item, in their order. */
  make: Make<Item, Result>;
  /** Makes a second call, before the next list, of the items that have no result of the first one. */
  makeOfRest?: Make<Item, Result> | null;
  /** Which items must not be in one list. */
  keyOf: (item: Item) => string;
  /** What an item fails with that got no result in time. */
  failure: (cause: Error) => Error;
  /** Whether this thread goes on while a call is under way. It does, but for a database in this thread. */
  isParallel?: boolean;
  /** How many calls may be under way at once, 1 or 2. The second one begins when half of those that are there wait. */
  calls?: number;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

interface Waiting<Item, Result> {
  item: Item;
  deadline: number;
  /** Whether it got no result in time. */
  isLate: boolean;
  resolve: (result: Result | null) => void;
  reject: (error: unknown) => void;
}

const longest = 250;
const leastBetweenMs = 5;
/** So many do not wait for others. While they are under way, the rest of a burst is read, if anything is. */
const enough = { parallel: 16, alone: 32 };
/** The part of what was expected that still is after a list before which fewer came. */
const forgetting = 0.9;
const timeoutMs = 4000;
const leastBetweenTimeoutsMs = 20;

/**
 * Makes one call of the items that come while the call before is under way. An item that comes by itself is
 * sent at once. If the list before had several items, or others came while it was under way, more will come, and a list
 * of many costs each of them less: the next list begins 5 ms after it began at the earliest, and not with the first item
 * of a burst. It waits for no others when 16 items wait (32 for a database in this thread), or as many as were lately
 * there at once: callers that send their next item when they have the last result have then all sent it. How many were
 * there is forgotten by a tenth with every list.
 *
 * What the first call of a list leaves is given to a second one, and the next list waits for both. Where two calls may be
 * under way, a list that is full does not wait for the one before it, but no third one is sent.
 *
 * A list takes half of those that are there, and 16 at least; for a database in this thread, all. Items of one key stay
 * in their order, each in a list of its own: a key with many of them makes nobody wait but itself.
 */
export class ListQueue<Item, Result> {
  readonly #options: Required<Options<Item, Result>>;
  readonly #enough: number;
  /** Of each key the first that no list has taken; the keys in the order of their turns. */
  readonly #waiting = new Map<string, Waiting<Item, Result>>();
  /** Those behind the first, of a key that has more. */
  readonly #behind = new Map<string, Waiting<Item, Result>[]>();
  /** Of each key the one that a list has taken. */
  readonly #taken = new Map<string, Waiting<Item, Result>>();
  /** How many calls are under way. */
  #underWay = 0;
  /** How many keys had an item, under way or not, when a list ended: more than one where items come faster than they go. */
  #there = 1;
  /** How many the next list waits for, at most as many as are enough. */
  #expected = 1;
  #beganAt = -Infinity;
  #start: ReturnType<typeof setTimeout> | null = null;
  #timeout: ReturnType<typeof setTimeout> | null = null;

  constructor(options: Options<Item, Result>) {
    this.#options = {
      now: () => performance.now(),
      isParallel: true,
      calls: 1,
      makeOfRest: null,
      ...options,
    };
    this.#enough = this.#options.isParallel ? enough.parallel : enough.alone;
  }

  /** The item's result. It fails as the call does, or after 4 s. */
  add(item: Item): Promise<Result | null> {
    return new Promise((resolve, reject) => {
      const deadline = this.#options.now() + timeoutMs;
      this.#append({ item, deadline, isLate: false, resolve, reject });
      this.#timeout ??= setTimeout(() => this.#giveUp(), timeoutMs);
      this.#startWhenDue();
    });
  }

  #append(one: Waiting<Item, Result>): void {
    const key = this.#options.keyOf(one.item);
    if (!this.#waiting.has(key) && !this.#taken.has(key)) this.#waiting.set(key, one);
    else if (!this.#behind.get(key)?.push(one)) this.#behind.set(key, [one]);
  }

  #startWhenDue(): void {
    if (this.#underWay === this.#options.calls || this.#waiting.size === 0) return;
    if (this.#underWay > 0) {
      if (this.#waiting.size >= this.#most()) void this.#begin();
    } else if (this.#waiting.size < this.#expected) {
      const inMs = this.#beganAt + leastBetweenMs - this.#options.now();
      // By a timer also when that time has passed: it comes after all that has arrived by now.
      this.#start ??= setTimeout(() => this.#begin(), Math.max(0, Math.ceil(inMs)));
    } else void this.#begin();
  }

  async #begin(): Promise<void> {
    if (this.#start !== null) clearTimeout(this.#start);
    this.#start = null;
    this.#underWay += 1;
    this.#beganAt = this.#options.now();
    const list = this.#take();
    const tell = await this.#send(list, this.#options.make, this.#options.makeOfRest);
    if (!this.#options.isParallel) {
      tell();
      // Those that wait for it go on before the next call holds up this thread.
      await null;
    }
    this.#underWay -= 1;
    this.#countAfter(list);
    this.#startWhenDue();
    // The next list is sent before the replies to this one are made: the driver sends it after some promises have passed,
    // and all of the replies would be made between them.
    if (this.#options.isParallel) {
      if (this.#underWay > 0) setImmediate(tell);
      else tell();
    }
    if (this.#underWay === 0 && this.#waiting.size === 0) this.#stopTimeout();
  }

  #countAfter(list: readonly Waiting<Item, Result>[]): void {
    this.#there = this.#waiting.size + this.#taken.size;
    for (const { item } of list) {
      const key = this.#options.keyOf(item);
      this.#taken.delete(key);
      const next = this.#nextOf(key);
      if (next !== undefined) this.#waiting.set(key, next);
    }
    const expected = Math.max(1, this.#there, Math.floor(forgetting * this.#expected));
    this.#expected = Math.min(this.#enough, expected);
  }

  /** Half of those that are there, so that neither this thread nor the database waits for the other one. */
  #most(): number {
    if (!this.#options.isParallel) return longest;
    return Math.min(longest, Math.max(this.#enough, Math.ceil(this.#there / 2)));
  }

  /** Of each key the first that still waits. The one behind it comes after all that wait when this list is over. */
  #take(): Waiting<Item, Result>[] {
    const most = this.#most();
    const list: Waiting<Item, Result>[] = [];
    for (const [key, first] of this.#waiting) {
      if (list.length === most) break;
      this.#waiting.delete(key);
      const one = first.isLate ? this.#nextOf(key) : first;
      if (one === undefined) continue;
      list.push(one);
      this.#taken.set(key, one);
    }
    return list;
  }

  /** Takes the first one that still waits behind the first of a key. */
  #nextOf(key: string): Waiting<Item, Result> | undefined {
    const others = this.#behind.get(key);
    if (others === undefined) return undefined;
    let next = others.shift();
    while (next?.isLate) next = others.shift();
    if (others.length === 0) this.#behind.delete(key);
    return next;
  }

  /** Returns what gives the items their results, if they do not have them yet. */
  async #send(
    list: readonly Waiting<Item, Result>[],
    make: Make<Item, Result>,
    makeOfRest: Make<Item, Result> | null = null,
  ): Promise<() => void> {
    if (list.length === 0) return nothing;
    try {
      const results = await make(list.map(({ item }) => item));
      const resultOf = (place: number): Result | null => results[place] ?? null;
      const rest = makeOfRest === null ? [] : list.filter((_, place) => resultOf(place) === null);
      if (makeOfRest === null || rest.length === 0) {
        return () => list.forEach(({ resolve }, place) => resolve(resultOf(place)));
      }
      list.forEach(({ resolve }, place) => resultOf(place) !== null && resolve(resultOf(place)));
      return await this.#send(rest, makeOfRest);
    } catch (error) {
      if (list.length === 1 || !belongsToOne(error)) return () => list.forEach(({ reject }) => reject(error));
      for (const one of list) if (!one.isLate) (await this.#send([one], make, makeOfRest))();
      return nothing;
    }
  }

  /**
   * One timer for all: it runs until the oldest one's deadline, and then until that of the oldest one of then, but not for
   * each of those that came within a moment.
   */
  #giveUp(): void {
    this.#timeout = null;
    const now = this.#options.now();
    let next = Infinity;
    for (const one of this.#unanswered()) {
      if (one.isLate) continue;
      if (one.deadline > now) next = Math.min(next, one.deadline);
      else {
        one.isLate = true;
        one.reject(this.#options.failure(new TimeoutError(timeoutMs)));
      }
    }
    const inMs = Math.max(leastBetweenTimeoutsMs, Math.ceil(next - now));
    if (next < Infinity) this.#timeout = setTimeout(() => this.#giveUp(), inMs);
  }

  *#unanswered(): Generator<Waiting<Item, Result>> {
    yield* this.#taken.values();
    yield* this.#waiting.values();
    for (const others of this.#behind.values()) yield* others;
  }

  #stopTimeout(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    this.#timeout = null;
  }
}

function nothing(): void {}

/**
 * A value that Postgres does not take (class 22), that breaks a constraint (23), or that another one of the list keeps
 * out (21), as its error tells by SQLSTATE.
 */
function belongsToOne(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^2[123][0-9A-Z]{3}$/.test(String(error.code));
}
