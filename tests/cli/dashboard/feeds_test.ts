import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { Feeds, keepaliveMs, mostStreams } from "../../../cli/dashboard/feeds.ts";
import { type FollowedMap, type LookedChanges, LookRefused } from "../../../cli/dashboard/fleet_look.ts";
import type { Sink } from "../../../cli/dashboard/replies.ts";
import type { Session } from "../../../cli/dashboard/sessions.ts";
import type { Upstream } from "../../../cli/dashboard/upstream.ts";
import { mapWords } from "../../../supabase/functions/agents/map.ts";
import { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { jsonReply, type Reply } from "../../../supabase/functions/_shared/http/messages.ts";
import { randomBytes } from "../../../supabase/functions/_shared/random.ts";
import { agentsMap, now } from "../../_support/backend.ts";

/** A fleet whose time goes on by the test, and where a look takes as long as it says. */
class World {
  ms = 0;
  lookMs = 0;
  everyMs = 1000;
  /** What each look asked for, and how many were of the whole map. */
  looks: string[] = [];
  wholeLooks = 0;
  cells = "777";
  order = "1";
  incidents: unknown[] = [];
  refusal: Reply | null = null;
  /** Sessions whose credential does not hold. */
  over = new Set<Session>();
  timers = 0;
  readonly feeds: Feeds;

  constructor() {
    const upstream: Pick<Upstream, "ask" | "everyMs"> = {
      everyMs: 1000,
      ask: (viewer, asked) => this.ask(viewer, asked),
    };
    this.feeds = new Feeds({
      upstream: { ...upstream, asks: "key", admit: () => Promise.reject(new Error()) },
      now: () => new Date(now.getTime() + this.ms),
      clock: () => this.ms,
      randomBytes,
      isGoingOn: (session) => {
        if (!this.over.has(session)) return Promise.resolve(true);
        end(session);
        return Promise.resolve(false);
      },
      every: () => {
        this.timers += 1;
        return () => void (this.timers -= 1);
      },
      report: (error) => assert.fail(String(error)),
    });
  }

  ask: Upstream["ask"] = (_viewer, { path, query }) => {
    if (this.refusal !== null) return Promise.resolve(this.refusal);
    this.ms += this.lookMs;
    const asked = new URLSearchParams(
      [...query].filter(([name]) => !["follow", "cursor"].includes(name)),
    );
    this.looks.push(`${asked}`);
    const isWhole = path === "agents/map";
    assert.equal(query.get("follow"), isWhole ? "true" : null);
    if (isWhole) this.wholeLooks += 1;
    return Promise.resolve(jsonReply(isWhole ? this.map() : this.changes(query.get("cursor"))));
  };

  map(): FollowedMap {
    const { cells, order } = this;
    const counts: Record<string, number> = {};
    for (const cell of cells) {
      const word = mapWords[Number(cell)] ?? "";
      counts[word] = (counts[word] ?? 0) + 1;
    }
    return {
      ...agentsMap,
      words: mapWords,
      cells,
      order,
      counts,
      marks: [],
      marks_every: 1000,
      ids: [...cells].map((_, place) => idOf(place)).join(""),
      liveness: cells,
      incidents: JSON.stringify(this.incidents),
      next_cursor: order,
      server_time: "",
    };
  }

  /** Every agent, since those that have not changed may be among them. */
  changes(cursor: string | null): LookedChanges | { changes: null } {
    const { cells, order } = this;
    if (cursor !== order) return { changes: null };
    const changes: Record<string, string[]> = {};
    for (const [place, cell] of [...cells].entries()) (changes[`${cell}${cell}`] ??= []).push(idOf(place));
    const incidents = JSON.stringify(this.incidents);
    return { changes, copies: 0, incidents, next_cursor: order, server_time: "" };
  }

  /** Looks, once a second has passed since the last look. */
  async turn(): Promise<void> {
    this.ms += this.everyMs + 10 * this.lookMs;
    await this.feeds.turn();
  }
}

function idOf(place: number): string {
  return `a0000000-0000-4000-8000-${String(place).padStart(12, "0")}`;
}

const controllers = new WeakMap<Session, AbortController>();

function session(ownerId: string | null = null): Session {
  const controller = new AbortController();
  const viewer = {
    role: "operator",
    ownerId,
    authorize: () => Promise.resolve({}),
    check: () => Promise.resolve(),
  } as const;
  const made = { id: crypto.randomUUID(), token: "", viewer, ended: controller.signal };
  controllers.set(made, controller);
  return made;
}

function end(session: Session): void {
  controllers.get(session)?.abort();
}

interface Seen extends Sink {
  text: () => string;
  /** The events since the last time, without keepalives. */
  events: () => { id?: string; event?: string; data?: unknown }[];
  isOpen: boolean;
  isAborted: boolean;
  /** Whether it takes what is sent at once. */
  takes: boolean;
  take: () => void;
}

function browser(): Seen {
  const pieces: Uint8Array[] = [];
  let read = 0;
  let taken: (() => void)[] = [];
  const ended: (() => void)[] = [];
  const close = (): void => {
    if (seen.isOpen) { for (const callback of ended) callback(); }
    seen.isOpen = false;
  };
  const seen: Seen = {
    isOpen: true,
    isAborted: false,
    takes: true,
    write(piece) {
      pieces.push(piece);
      return seen.takes;
    },
    end: close,
    abort() {
      seen.isAborted = true;
      close();
    },
    onceTaken: (callback) => void taken.push(callback),
    onceEnded: (callback) => void ended.push(callback),
    take() {
      const callbacks = taken;
      taken = [];
      for (const callback of callbacks) callback();
    },
    text: () => pieces.map((piece) => new TextDecoder().decode(piece)).join(""),
    events() {
      const blocks = seen.text().split("\n\n").slice(0, -1);
      const fresh = blocks.slice(read).map((block) =>
        Object.fromEntries(
          block.split("\n").map((line) => {
            const [name = "", ...rest] = line.split(": ");
            return [name, name === "data" ? JSON.parse(rest.join(": ")) : rest.join(": ")];
          }),
        )
      );
      read = blocks.length;
      return fresh.filter(({ event }) => event !== "keepalive" && event !== undefined);
    },
  };
  return seen;
}

interface Watch {
  who?: Session;
  query?: string;
  lastEventId?: string | null;
  isHidden?: boolean;
}

async function watch(
  world: World,
  { who = session(), query = "", lastEventId = null, isHidden = false }: Watch = {},
): Promise<Seen> {
  const seen = browser();
  const begin = await world.feeds.watch({
    session: who,
    query: new URLSearchParams(query),
    accepted: null,
    lastEventId,
    isHidden,
  });
  begin(seen);
  return seen;
}

Deno.test("whoever begins to watch gets the map, and then only what has changed", async () => {
  const world = new World();
  const seen = await watch(world);
  const [map, ...more] = seen.events();
  assert.deepEqual(more, []);
  assert.partialDeepStrictEqual(map, { event: "map", data: { cells: "777", counts: { online: 3 } } });
  await world.turn();
  assert.deepEqual(seen.events(), [], "nothing has changed");
  world.cells = "707";
  await world.turn();
  const at = new Date(now.getTime() + world.ms).toISOString();
  const [changes, counts] = seen.events();
  assert.deepEqual([changes?.event, changes?.data], ["changes", { at, cells: [[1, "0"]] }]);
  assert.partialDeepStrictEqual(counts, { event: "counts", data: { at, counts: { online: 2 } } });
  assert.notEqual(changes?.id, map?.id);
});

Deno.test("agents that come, go or move bring the whole map anew", async () => {
  const world = new World();
  const seen = await watch(world);
  seen.events();
  world.order = "2";
  await world.turn();
  assert.deepEqual(seen.events().map(({ event }) => event), ["map"]);
  world.cells = "7777";
  await world.turn();
  assert.deepEqual(seen.events().map(({ event }) => event), ["map"]);
});

Deno.test("a change of the open incidents is said, and what they are is not", async () => {
  const world = new World();
  const seen = await watch(world);
  seen.events();
  world.incidents = [{ id: 1 }];
  await world.turn();
  assert.deepEqual(seen.events().map(({ event, data }) => [event, Object.keys(data ?? {})]), [["incidents", [
    "at",
  ]]]);
});

Deno.test("all who see the same share one look; other rows or another query have their own", async () => {
  const world = new World();
  for (let viewer = 0; viewer < 10; viewer++) await watch(world);
  assert.deepEqual(world.looks, [""]);
  await watch(world, { query: "q=edge" });
  await watch(world, { who: session("a0000000-0000-4000-8000-000000000001") });
  assert.deepEqual(world.looks, ["", "q=edge", ""]);
  await world.turn();
  assert.equal(world.looks.length, 4, "one at a time");
});

Deno.test("those who begin to watch at the same moment share the first look, too", async () => {
  const world = new World();
  await Promise.all([watch(world), watch(world), watch(world)]);
  assert.deepEqual(world.looks, [""]);
});

for (const lookMs of [0, 50, 100, 500, 3000]) {
  Deno.test(`looks that take ${lookMs} ms: at most one a second, and at most a tenth of the time`, async () => {
    const world = new World();
    world.lookMs = lookMs;
    for (const query of ["", "q=a", "q=b"]) await watch(world, { query });
    const go = async (began = world.ms): Promise<void> => {
      while (world.ms - began < 100_000) {
        world.ms += 100;
        await world.feeds.turn();
      }
    };
    // What a look costs is known after a few: one that takes far longer than the one before may have waited.
    await go();
    const began = world.ms;
    const before = world.looks.length;
    await go();
    const looks = world.looks.length - before;
    const seconds = (world.ms - began) / 1000;
    assert.ok(looks <= 3 * seconds, `${looks} looks in ${seconds} s`);
    assert.ok(
      looks * lookMs <= 0.1 * seconds * 1000 + 1000 + lookMs,
      `${looks} looks of ${lookMs} ms in ${seconds} s`,
    );
    assert.ok(looks >= Math.min(2.5 * seconds, 80 * seconds / Math.max(1, lookMs)), `only ${looks} looks`);
  });
}

/** What the page calls old: more than two of these, or 10 s. */
function everyOf(seen: Seen): number {
  const [data = "{}"] = seen.text().match(/(?<=event: keepalive\ndata: ).*(?=\n\n$)/) ?? [];
  return Number(JSON.parse(data).every_ms);
}

Deno.test("a look that waited for a server in vain makes neither the next one late nor what is old seem fresh", async () => {
  const world = new World();
  world.lookMs = 50;
  const seen = await watch(world);
  await world.turn();
  const looks = world.looks.length;
  const { ask } = world;
  world.ask = () => {
    world.ms += 30_000;
    return Promise.reject(new ContractError("unavailable", "Cannot ask: it does not answer"));
  };
  await world.turn();
  await world.feeds.keepAlive();
  assert.equal(everyOf(seen), 1000);
  world.ask = ask;
  world.ms += 1000;
  await world.feeds.turn();
  assert.equal(world.looks.length, looks + 1);
});

Deno.test("a look that once takes 30 s is believed in part: the next one comes within 10 s", async () => {
  const world = new World();
  world.lookMs = 50;
  const seen = await watch(world);
  await world.turn();
  world.lookMs = 30_000;
  await world.feeds.turn();
  world.ms += 1000;
  await world.feeds.turn();
  world.lookMs = 50;
  const looks = world.looks.length;
  await world.feeds.keepAlive();
  assert.ok(everyOf(seen) <= 10_000, `${everyOf(seen)} ms`);
  for (let ms = 0; ms < 10_000 && world.looks.length === looks; ms += 100) {
    world.ms += 100;
    await world.feeds.turn();
  }
  assert.equal(world.looks.length, looks + 1);
});

Deno.test("two who get their replies in turns share one feed, and the one who stays goes on when the other leaves", async () => {
  const world = new World();
  const watching = { query: new URLSearchParams(), accepted: null, lastEventId: null, isHidden: false };
  const first = await world.feeds.watch({ ...watching, session: session() });
  const second = await world.feeds.watch({ ...watching, session: session() });
  assert.deepEqual(world.looks, [""]);
  const [one, other] = [browser(), browser()];
  first(one);
  second(other);
  assert.equal(world.feeds.size, 2);
  one.end();
  world.cells = "776";
  await world.turn();
  await world.feeds.keepAlive();
  assert.equal(world.feeds.size, 1);
  assert.match(other.text(), /event: changes\n[^]*event: keepalive\n/);
});

Deno.test("places that are asked for at once count at once, and those of replies that never began are free again", async () => {
  const world = new World();
  const one = session();
  const asked = await Promise.allSettled(Array.from({ length: 30 }, () =>
    world.feeds.watch({
      session: one,
      query: new URLSearchParams(),
      accepted: null,
      lastEventId: null,
      isHidden: false,
    })));
  assert.equal(asked.filter(({ status }) => status === "fulfilled").length, 20);
  await assert.rejects(watch(world, { who: one }), ContractError);
  world.ms += 30_000;
  await watch(world, { who: one });
  assert.equal(world.feeds.size, 1);
});

Deno.test("a keepalive has the server's time, and when it was last seen that all is as sent", async () => {
  const world = new World();
  const seen = await watch(world);
  const last = (): Record<string, unknown> => {
    const [, data = ""] = /event: keepalive\ndata: ([^\n]+)\n\n$/.exec(seen.text()) ?? [];
    return JSON.parse(data);
  };
  assert.deepEqual(last(), { at: now.toISOString(), verified_at: now.toISOString(), every_ms: 1000 });
  world.refusal = jsonReply({}, { status: 503 });
  world.ms = keepaliveMs;
  await world.feeds.turn();
  await world.feeds.keepAlive();
  const at = new Date(now.getTime() + keepaliveMs).toISOString();
  assert.deepEqual(last(), { at, verified_at: now.toISOString(), every_ms: 1000 });
  world.refusal = null;
  world.lookMs = 400;
  await world.turn();
  await world.feeds.keepAlive();
  assert.equal(last().every_ms, 4000);
  assert.equal(seen.isOpen, true);
});

Deno.test("a browser that comes back gets what it has missed; after too much of it, or another map, all of it", async () => {
  const world = new World();
  const stays = await watch(world);
  const [first] = stays.events();
  const ids = [first?.id ?? ""];
  for (const cells of ["770", "700", "000"]) {
    world.cells = cells;
    await world.turn();
    ids.push(stays.events().at(-1)?.id ?? "");
  }
  const back = async (lastEventId: string) => (await watch(world, { lastEventId })).events();
  const changes = (await back(ids[1] ?? "")).filter(({ event }) => event === "changes");
  assert.deepEqual(changes.map(({ data }) => data).map((data) => Object(data).cells), [[[1, "0"]], [[
    0,
    "0",
  ]]]);
  assert.deepEqual(await back(ids[3] ?? ""), []);
  for (
    const id of ["", "other.1", `${ids[3]}9`, `${ids[3]?.split(".")[0]}.-1`, `${ids[3]?.split(".")[0]}.x`]
  ) {
    assert.deepEqual((await back(id)).map(({ event }) => event), ["map"], id);
  }
  for (let look = 0; look < 61; look++) {
    world.cells = look % 2 === 0 ? "777" : "000";
    await world.turn();
  }
  assert.deepEqual((await back(ids[3] ?? "")).map(({ event }) => event), ["map"]);
  const id = stays.events().at(-1)?.id ?? "";
  world.order = "2";
  await world.turn();
  assert.deepEqual((await back(id)).map(({ event }) => event), ["map"]);
});

Deno.test("a browser that takes nothing is sent nothing more, the whole map once it does, and is given up at last", async () => {
  const world = new World();
  const seen = await watch(world);
  const waits = await watch(world);
  seen.takes = waits.takes = false;
  world.cells = "770";
  await world.turn();
  const length = seen.text().length;
  world.cells = "700";
  await world.turn();
  await world.feeds.keepAlive();
  assert.equal(seen.text().length, length);
  seen.events();
  seen.takes = true;
  seen.take();
  assert.partialDeepStrictEqual(seen.events(), [{ event: "map", data: { cells: "700" } }]);
  await world.feeds.keepAlive();
  assert.equal(waits.isAborted, false);
  await world.feeds.keepAlive();
  assert.deepEqual([waits.isAborted, seen.isAborted, world.feeds.size], [true, false, 1]);
});

Deno.test("a stream ends with its session, with a credential that does not hold any more, and with the server", async () => {
  const world = new World();
  const sessions = [session(), session(), session()] as const;
  const [loggedOut, revoked, stays] = [
    await watch(world, { who: sessions[0] }),
    await watch(world, { who: sessions[1] }),
    await watch(world, { who: sessions[2] }),
  ];
  end(sessions[0]);
  assert.deepEqual([loggedOut.isOpen, revoked.isOpen, stays.isOpen], [false, true, true]);
  world.over.add(sessions[1]);
  await world.feeds.keepAlive();
  assert.deepEqual([revoked.isOpen, stays.isOpen], [false, true]);
  assert.equal(world.timers, 2);
  world.feeds.stop();
  assert.equal(stays.isOpen, false);
  assert.deepEqual([world.feeds.size, world.timers], [0, 0]);
});

Deno.test("a look that is refused ends the session of its credential, and the others go on", async () => {
  const world = new World();
  const first = session();
  const ends = await watch(world, { who: first });
  const stays = await watch(world);
  world.over.add(first);
  world.refusal = jsonReply({}, { status: 401 });
  await world.turn();
  assert.deepEqual([ends.isOpen, stays.isOpen], [false, true]);
  world.refusal = null;
  world.cells = "000";
  await world.turn();
  assert.ok(stays.events().some(({ event }) => event === "changes"));
});

Deno.test("a first look that is refused begins no stream", async () => {
  const world = new World();
  world.refusal = jsonReply({ error: "invalid_request" }, { status: 400 });
  await assert.rejects(watch(world), (error) => error instanceof LookRefused && error.reply.status === 400);
  assert.deepEqual([world.feeds.size, world.timers], [0, 0]);
});

Deno.test("a look asks only for what has changed; once a minute, and where changes cannot say it, for the whole map", async () => {
  const world = new World();
  const seen = await watch(world);
  for (let look = 0; look < 30; look++) await world.turn();
  assert.deepEqual([world.looks.length, world.wholeLooks], [31, 1]);
  world.order = "2";
  await world.turn();
  assert.equal(world.wholeLooks, 2, "the order has changed");
  world.cells = "7777";
  await world.turn();
  assert.equal(world.wholeLooks, 3, "an agent is new");
  seen.events();
  world.cells = "2707";
  await world.turn();
  assert.partialDeepStrictEqual(seen.events(), [
    { event: "changes", data: { cells: [[0, "2"], [2, "0"]] } },
    {
      event: "counts",
      data: { counts: { unhealthy: 1, offline: 1, online: 2 }, troubles: { unhealthy: 1 } },
    },
  ]);
  assert.equal(world.wholeLooks, 3);
  for (let look = 0; look < 60; look++) await world.turn();
  assert.equal(world.wholeLooks, 4, "a minute has passed");
});

Deno.test("of a map by liveness the whole is looked at each time: who comes to be on it is not among its changes", async () => {
  const world = new World();
  await watch(world, { query: "liveness=late" });
  await world.turn();
  assert.deepEqual([world.looks.length, world.wholeLooks], [2, 2]);
});

Deno.test("for pages in the background there are twelve times fewer looks, until one is looked at", async () => {
  const world = new World();
  await watch(world, { isHidden: true });
  await watch(world, { isHidden: true });
  for (let second = 0; second < 36; second++) await world.turn();
  assert.equal(world.looks.length, 4);
  await watch(world);
  await world.turn();
  await world.turn();
  assert.equal(world.looks.length, 6);
});

Deno.test("nobody looks any more when nobody watches", async () => {
  const world = new World();
  const seen = await watch(world);
  seen.end();
  await world.turn();
  assert.deepEqual([world.looks.length, world.timers, world.feeds.size], [1, 0, 0]);
});

Deno.test("there are at most 20 streams of a session, and 200 of all; more are unavailable", async () => {
  const world = new World();
  const refused = (error: unknown): boolean => error instanceof ContractError && error.code === "unavailable";
  const one = session();
  for (let stream = 0; stream < 20; stream++) await watch(world, { who: one });
  await assert.rejects(watch(world, { who: one }), refused);
  for (let stream = 20; stream < mostStreams; stream++) await watch(world);
  await assert.rejects(watch(world), refused);
  assert.equal(world.feeds.size, mostStreams);
});

Deno.test("a browser that takes gzip gets each event at once, in one gzip stream that ends well", async () => {
  const world = new World();
  const pieces: Uint8Array[] = [];
  const ended = Promise.withResolvers<void>();
  const callbacks: (() => void)[] = [];
  let arrived = Promise.withResolvers<void>();
  const begin = await world.feeds.watch({
    session: session(),
    query: new URLSearchParams(),
    accepted: "gzip, deflate, br",
    lastEventId: null,
    isHidden: false,
  });
  begin({
    write(piece) {
      pieces.push(piece);
      arrived.resolve();
      return true;
    },
    end: ended.resolve,
    abort: () => undefined,
    onceTaken: () => undefined,
    onceEnded: (callback) => void callbacks.push(callback),
  });
  await arrived.promise;
  arrived = Promise.withResolvers();
  world.cells = "000";
  await world.turn();
  await arrived.promise;
  world.feeds.stop();
  await ended.promise;
  for (const callback of callbacks) callback();
  const text = gunzipSync(concat(pieces)).toString();
  assert.match(text, /^retry: 2000\n\nid: [^\n]+\nevent: map\n.*event: keepalive\n.*event: changes\n/s);
});

function concat(pieces: Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
