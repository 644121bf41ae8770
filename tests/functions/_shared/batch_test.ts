import assert from "node:assert/strict";
import { batching } from "../../../supabase/functions/_shared/database/batch.ts";
import { ListQueue } from "../../../supabase/functions/_shared/database/list_queue.ts";
import type { Beat, Verdict } from "../../../supabase/functions/_shared/database/port.ts";
import { unavailable } from "../../../supabase/functions/_shared/http/errors.ts";
import { testBackend } from "../../_support/backend.ts";
import { plainBeat } from "../../_support/record_beats.ts";
import { agentId } from "../../_support/vectors.ts";

/** A call that the test answers when it likes. */
interface Made {
  items: readonly string[];
  answer: () => void;
  fail: (error: unknown) => void;
}

Deno.test("an item after quiet is sent at once, those that come meanwhile together in the next list", async () => {
  const { queue, made, settled } = bench();
  const results = ["a", "b", "c"].map((one) => queue.add(one));
  assert.deepEqual(made.map(({ items }) => items), [["a"]]);
  made[0]?.answer();
  await settled(2);
  assert.deepEqual(made[1]?.items, ["b", "c"]);
  made[1]?.answer();
  assert.deepEqual(await Promise.all(results), ["A", "B", "C"]);
});

Deno.test("a list has at most 250 items, and a full one does not wait for its time", async () => {
  const { queue, made, settled } = bench({ now: () => 0 });
  const results = Array.from({ length: 501 }, (_, place) => queue.add(`item ${place}`));
  for (let list = 0; list < 3; list++) {
    await settled(list + 1);
    made[list]?.answer();
  }
  assert.deepEqual(made.map(({ items }) => items.length), [1, 250, 250]);
  assert.equal((await Promise.all(results)).length, 501);
});

Deno.test("where others came meanwhile, a list begins 5 ms after the one before began, and not sooner", async () => {
  const clock = { now: 100 };
  const { queue, made, settled } = bench({ now: () => clock.now });
  const first = queue.add("a");
  const second = queue.add("b");
  const third = queue.add("c");
  clock.now = 104.9;
  made[0]?.answer();
  await first;
  await Promise.resolve();
  assert.equal(made.length, 1, "it waits, and another one may join it");
  await settled(2);
  assert.deepEqual(made[1]?.items, ["b", "c"]);
  made[1]?.answer();
  await Promise.all([second, third]);
  clock.now = 110;
  const fourth = queue.add("d");
  await settled(3);
  made[2]?.answer();
  assert.equal(await fourth, "D");
});

Deno.test("of a burst a list takes all that has arrived, and not the first item by itself", async () => {
  const clock = { now: 100 };
  const busy = bench({ now: () => clock.now });
  const { queue, made, settled } = busy;
  await fillLists(busy, 3);
  clock.now = 200;
  const first = queue.add("d");
  assert.equal(made.length, 0, "the time has passed, and it waits for what else has arrived");
  const second = queue.add("e");
  await settled(1);
  assert.deepEqual(made[0]?.items, ["d", "e"]);
  made[0]?.answer();
  assert.deepEqual(await Promise.all([first, second]), ["D", "E"]);
});

Deno.test("as many as were there at once wait for no others: each came when it had its last result", async () => {
  const busy = bench({ now: () => 100 });
  const { queue, made, settled } = busy;
  await fillLists(busy, 9);
  for (const list of [0, 1]) {
    const results = Array.from({ length: 7 }, (_, place) => queue.add(`item ${place}`));
    assert.equal(made.length, list, "one is missing");
    results.push(queue.add("item 7"));
    assert.equal(made[list]?.items.length, 8, "it is sent at once");
    made[list]?.answer();
    await Promise.all(results);
    await nextTurn();
  }
  // Each list expects one item less than the one before. The caller that is left waits in seven lists for the others.
  for (let list = 2; list <= 9; list++) {
    const result = queue.add("alone");
    assert.equal(made.length, list === 9 ? 10 : list);
    await settled(list + 1);
    made[list]?.answer();
    await result;
    await nextTurn();
  }
});

Deno.test("a key that always has a second item is there once: nobody waits for it", async () => {
  const { queue, made, settled } = bench({ now: () => 100 });
  const results = ["a 1", "a 2", "b", "c"].map((one) => queue.add(one));
  made[0]?.answer();
  await settled(2);
  for (const list of [1, 2, 3]) {
    assert.deepEqual(made[list]?.items.toSorted(), [`a ${list + 1}`, "b", "c"], "it is sent at once");
    results.push(queue.add(`a ${list + 2}`));
    made[list]?.answer();
    await microtasks();
    assert.equal(made.length, list + 1, "two are missing");
    results.push(...["b", "c"].map((one) => queue.add(one)));
  }
  made[4]?.answer();
  await Promise.all(results);
});

for (const [isParallel, enough] of [[true, 16], [false, 32]] as const) {
  const where = isParallel ? "calls made elsewhere" : "calls made in this thread";
  Deno.test(`${where}: ${enough} items wait for no others, and those after them come in the next list`, async () => {
    const busy = bench({ now: () => 100, isParallel });
    const { queue, made, settled } = busy;
    await fillLists(busy, 40);
    const results = Array.from({ length: 40 }, (_, place) => queue.add(`item ${place}`));
    assert.deepEqual(made.map(({ items }) => items.length), [enough], "it is sent at once");
    made[0]?.answer();
    await settled(2);
    made[1]?.answer();
    if (isParallel) await settled(3);
    made[2]?.answer();
    assert.equal((await Promise.all(results)).length, 40);
    const lengths = made.slice(1).map(({ items }) => items.length);
    assert.deepEqual(lengths, isParallel ? [20, 4] : [8], "half of them, or all");
  });

  const when = isParallel ? "before" : "after";
  Deno.test(`${where}: a list that is full when another one ends is sent ${when} that one's results`, async () => {
    const busy = bench({ now: () => 100, isParallel });
    const { queue, made, settled } = busy;
    await fillLists(busy, 40);
    const first = Array.from({ length: enough }, (_, place) => queue.add(`item ${place}`));
    let lists = 0;
    void first[0]?.then(() => lists = made.length);
    const next = Array.from({ length: enough }, (_, place) => queue.add(`item more ${place}`));
    made[0]?.answer();
    await Promise.all(first);
    await settled(2);
    assert.equal(lists, isParallel ? 2 : 1);
    made[1]?.answer();
    assert.equal((await Promise.all(next)).length, enough);
  });
}

Deno.test("the next list is sent before the replies to the last one, however many steps that takes", async () => {
  const order: string[] = [];
  const queue = new ListQueue<number, number>({
    async make(items) {
      for (let step = 0; step < 20; step++) await null;
      order.push(`sent ${items}`);
      await nextTurn();
      return [...items];
    },
    keyOf: String,
    failure: (cause) => cause,
  });
  const reply = async (item: number): Promise<void> => void order.push(`reply to ${await queue.add(item)}`);
  const items = Array.from({ length: 17 }, (_, place) => place);
  await Promise.all(items.map(reply));
  const [first = NaN, ...rest] = items;
  assert.deepEqual(order.slice(0, 3), [`sent ${first}`, `sent ${rest}`, `reply to ${first}`]);
});

Deno.test("where two calls may be under way, a second list is sent when it is full, and no third one", async () => {
  const { queue, made, settled } = bench({ now: () => 100, calls: 2 });
  const results = Array.from({ length: 60 }, (_, place) => queue.add(`item ${place}`));
  const lengths = (): number[] => made.map(({ items }) => items.length);
  assert.deepEqual(lengths(), [1, 16], "both are sent at once");
  made[0]?.answer();
  await settled(3);
  await nextTurn();
  assert.deepEqual(lengths(), [1, 16, 30], "half of those that are there");
  results.push(...Array.from({ length: 10 }, (_, place) => queue.add(`item more ${place}`)));
  made[1]?.answer();
  await nextTurn();
  assert.deepEqual(lengths(), [1, 16, 30], "fewer than half wait");
  made[2]?.answer();
  await settled(4);
  made[3]?.answer();
  assert.equal((await Promise.all(results)).length, 70);
  assert.deepEqual(lengths(), [1, 16, 30, 23]);
});

Deno.test("where two calls may be under way, they are not of one key", async () => {
  const { queue, made, settled } = bench({ now: () => 100, calls: 2 });
  const others = Array.from({ length: 16 }, (_, place) => `item ${place}`);
  const results = ["a 1", "a 2", ...others].map((one) => queue.add(one));
  assert.deepEqual(made.map(({ items }) => items), [["a 1"], others]);
  made[1]?.answer();
  await nextTurn();
  assert.equal(made.length, 2, "the first one is under way");
  made[0]?.answer();
  await settled(3);
  assert.deepEqual(made[2]?.items, ["a 2"]);
  made[2]?.answer();
  await Promise.all(results);
});

Deno.test("a caller that sends one after the other, by itself, does not wait", async () => {
  const { queue, made } = bench({ now: () => 100 });
  for (const [place, item] of ["a", "b", "c"].entries()) {
    const result = queue.add(item);
    assert.equal(made.length, place + 1, "it is sent at once");
    made[place]?.answer();
    assert.equal(await result, item.toUpperCase());
    await nextTurn();
  }
});

Deno.test("items of one key stay in their order, one in a list, and others do not wait for them", async () => {
  const { queue, made, settled } = bench();
  const results = ["a 1", "a 2", "a 3", "b 1"].map((one) => queue.add(one));
  for (let list = 0; list < 3; list++) {
    await settled(list + 1);
    made[list]?.answer();
  }
  assert.deepEqual(made.map(({ items }) => items), [["a 1"], ["b 1", "a 2"], ["a 3"]]);
  assert.deepEqual(await Promise.all(results), ["A 1", "A 2", "A 3", "B 1"]);
});

for (const code of ["23514", "22P02", "21000"]) {
  Deno.test(`an item that Postgres refuses with ${code} → fails alone`, async () => {
    const refused = Object.assign(new Error("refused"), { code });
    const { queue, made, settled } = bench();
    const results = Promise.allSettled(["first", "good", "bad", "fine"].map((one) => queue.add(one)));
    made[0]?.answer();
    await settled(2);
    made[1]?.fail(refused);
    for (const place of [2, 3, 4]) {
      await settled(place + 1);
      if (made[place]?.items[0] === "bad") made[place]?.fail(refused);
      else made[place]?.answer();
    }
    assert.deepEqual((await results).map(({ status }) => status), [
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
  });
}

for (
  const error of [unavailable("the database", null), Object.assign(new Error("deadlock"), { code: "40P01" })]
) {
  Deno.test(`${error.message} → all of the list hear of it, it is asked once, and the next item is tried`, async () => {
    const { queue, made, settled } = bench();
    const results = Promise.allSettled(["a", "b", "c"].map((one) => queue.add(one)));
    made[0]?.answer();
    await settled(2);
    made[1]?.fail(error);
    assert.deepEqual((await results).map((one) => one.status === "rejected" && one.reason), [
      false,
      error,
      error,
    ]);
    const next = queue.add("d");
    await settled(3);
    made[2]?.answer();
    assert.equal(await next, "D");
  });
}

Deno.test("no result within 4 s → a failure, under way or waiting, by one timer", async () => {
  await withTimers(async ({ asked, fire }) => {
    const clock = { now: 0 };
    const { queue, made, failures } = bench({ now: () => clock.now });
    const results = Promise.allSettled(["a", "b"].map((one) => queue.add(one)));
    clock.now = 1;
    const later = Promise.allSettled([queue.add("c")]);
    clock.now = 2000;
    const last = Promise.allSettled([queue.add("d")]);
    assert.deepEqual(asked, [4000]);
    clock.now = 4000;
    fire();
    for (const one of await results) {
      assert.ok(one.status === "rejected" && one.reason.cause.name === "TimeoutError");
    }
    assert.deepEqual(asked, [4000, 20], "not one for each that came within a moment");
    clock.now = 4020;
    fire();
    assert.equal((await later)[0].status, "rejected");
    assert.deepEqual(asked, [4000, 20, 1980]);
    clock.now = 6000;
    fire();
    assert.equal((await last)[0].status, "rejected");
    assert.equal(failures.length, 4, "each fails once");
    assert.deepEqual(asked, [4000, 20, 1980], "nothing is left to wait for");
    assert.deepEqual(made.map(({ items }) => items), [["a"]], "what waited is never sent");
  });
});

Deno.test("a key whose first items are late → its next one comes in the next list", async () => {
  await withTimers(async ({ fire }) => {
    const clock = { now: 0 };
    const { queue, made } = bench({ now: () => clock.now });
    const late = Promise.allSettled(["a", "b 1", "b 2", "b 3"].map((one) => queue.add(one)));
    clock.now = 3999;
    const results = ["b 4", "c", "b 5"].map((one) => queue.add(one));
    clock.now = 4000;
    fire();
    await late;
    made[0]?.answer();
    await microtasks();
    fire();
    assert.deepEqual(made[1]?.items.toSorted(), ["b 4", "c"]);
    made[1]?.answer();
    await microtasks();
    fire();
    made[2]?.answer();
    assert.deepEqual(await Promise.all(results), ["B 4", "C", "B 5"]);
  });
});

Deno.test("wrong secrets for an agent's id keep no right one waiting: they go in one list", async () => {
  const lists: string[][] = [];
  const { promise: quiet, resolve } = Promise.withResolvers<void>();
  const { database } = await testBackend({
    sessions: {
      async openAll(handshakes) {
        lists.push(handshakes.map(({ secretDigest }) => secretDigest));
        await quiet;
        return handshakes.map(() => null);
      },
    },
  });
  const { sessions } = batching(database);
  const said = { client: {}, address: null };
  const asked = ["first", "wrong", "wrong", "other", "right"].map((secretDigest) =>
    sessions.open({ agentId, secretDigest, instanceId: null }, said)
  );
  resolve();
  await Promise.all(asked);
  assert.deepEqual(lists, [["first"], ["wrong", "other", "right"], ["wrong"]]);
});

Deno.test("a beat that is not an ordinary one → goes on in a list of those, and has that verdict", async () => {
  const lists: [call: string, seqs: (number | null)[]][] = [];
  const seqsOf = (beats: readonly Beat[]): (number | null)[] => beats.map(({ seq }) => seq);
  const { database } = await testBackend({
    heartbeats: {
      recordOrdinary(beats) {
        lists.push(["ordinary", seqsOf(beats)]);
        return Promise.resolve(beats.map(({ seq }) => seq === 1 ? { heartbeatIntervalSeconds: 60 } : null));
      },
      record(beats) {
        lists.push(["others", seqsOf(beats)]);
        return Promise.resolve(beats.map(({ seq }) => seq === 2 ? null : { heartbeatIntervalSeconds: 5 }));
      },
    },
  });
  const { heartbeats } = batching(database);
  const beats = [1, 2, 3].map((seq) => plainBeat(crypto.randomUUID(), { seq }));
  assert.deepEqual(await heartbeats.record(beats), [
    { heartbeatIntervalSeconds: 60 },
    null,
    { heartbeatIntervalSeconds: 5 },
  ]);
  assert.deepEqual(lists, [["ordinary", [1]], ["ordinary", [2, 3]], ["others", [2, 3]]]);
});

Deno.test("an agent's beats stay in their order, also where the first one is not an ordinary one", async () => {
  const recorded: (number | null)[] = [];
  const record = async (beats: readonly Beat[]): Promise<Verdict[]> => {
    await nextTurn();
    recorded.push(...beats.map(({ seq }) => seq));
    return beats.map(() => ({ heartbeatIntervalSeconds: 60 }));
  };
  const { database } = await testBackend({
    heartbeats: {
      record,
      recordOrdinary: async (beats) =>
        beats[0]?.status === "stopping" ? beats.map(() => null) : await record(beats),
    },
  });
  const { heartbeats } = batching(database);
  const stop = plainBeat(agentId, { seq: 1, status: "stopping" });
  await Promise.all([stop, plainBeat(agentId, { seq: 2 })].map((beat) => heartbeats.record([beat])));
  assert.deepEqual(recorded, [1, 2]);
});

Deno.test("a value that is not taken, of a beat that is not ordinary → those that are were recorded once", async () => {
  const calls: string[] = [];
  const { database } = await testBackend({
    heartbeats: {
      recordOrdinary(beats) {
        calls.push(`ordinary ${beats.map(({ seq }) => seq)}`);
        return Promise.resolve(beats.map(({ seq }) => seq === 1 ? { heartbeatIntervalSeconds: 60 } : null));
      },
      record(beats) {
        calls.push(`others ${beats.map(({ seq }) => seq)}`);
        if (beats.some(({ seq }) => seq === 2)) {
          return Promise.reject(Object.assign(new Error("x"), { code: "23514" }));
        }
        return Promise.resolve(beats.map(() => ({ heartbeatIntervalSeconds: 5 })));
      },
    },
  });
  const { heartbeats } = batching(database);
  const beats = [0, 1, 2, 3].map((seq) => plainBeat(crypto.randomUUID(), { seq }));
  const results = await Promise.allSettled(beats.map((beat) => heartbeats.record([beat])));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(calls, ["ordinary 0", "others 0", "ordinary 1,2,3", "others 2,3", "others 2", "others 3"]);
});

/** After lists of so many that came at once, so many are expected. Leaves no lists behind. */
async function fillLists({ queue, made }: ReturnType<typeof bench>, count: number): Promise<void> {
  const results = Array.from({ length: count }, (_, place) => queue.add(`item of before ${place}`));
  const answering = setInterval(() => made.forEach(({ answer }) => answer()), 0);
  await Promise.all(results);
  clearInterval(answering);
  await nextTurn();
  made.length = 0;
}

/** A list is over a turn after its items have their results. */
function nextTurn(): Promise<void> {
  return new Promise((next) => setTimeout(next));
}

async function microtasks(): Promise<void> {
  for (let count = 0; count < 20; count++) await null;
}

/** Timers that pass when the test says so: `fire` is the time of the last one that was set. */
async function withTimers(test: (timers: { asked: number[]; fire: () => void }) => Promise<void>) {
  const real = globalThis.setTimeout;
  const asked: number[] = [];
  let last = (): void => undefined;
  Reflect.set(globalThis, "setTimeout", (callback: () => void, delay: number) => {
    asked.push(delay);
    last = callback;
    return 0;
  });
  try {
    await test({ asked, fire: () => last() });
  } finally {
    Reflect.set(globalThis, "setTimeout", real);
  }
}

/** A queue whose items are of the key before their space, over calls that the test answers. */
function bench(
  { now, isParallel = true, calls = 1 }: { now?: () => number; isParallel?: boolean; calls?: number } = {},
) {
  const made: Made[] = [];
  const failures: Error[] = [];
  let look = (): void => undefined;
  const queue = new ListQueue<string, string>({
    make(items) {
      const { promise, resolve, reject } = Promise.withResolvers<string[]>();
      made.push({ items, answer: () => resolve(items.map((one) => one.toUpperCase())), fail: reject });
      look();
      return promise;
    },
    keyOf: (item) => item.startsWith("item") ? item : item.split(" ")[0] ?? "",
    failure(cause) {
      failures.push(cause);
      return unavailable("the database", cause);
    },
    isParallel,
    calls,
    ...(now === undefined ? {} : { now }),
  });
  /** Waits until so many calls were made. */
  const settled = (count: number): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (made.length >= count) resolve();
      };
      look();
    });
  return { queue, made, failures, settled };
}
