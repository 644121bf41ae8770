import assert from "node:assert/strict";
import { batching } from "../../../../cli/serve/store/batch.ts";
import type { Beat, Database, Verdict } from "../../../../supabase/functions/_shared/database/port.ts";
import { unavailable } from "../../../../supabase/functions/_shared/http/errors.ts";
import { keys, testBackend } from "../../../_support/backend.ts";

await keys;

Deno.test("a beat alone is recorded at once", async () => {
  const { database, batches } = await recorder();
  assert.deepEqual(await database.heartbeats.record([beat(1)]), [verdict(1)]);
  assert.deepEqual(batches, [1]);
});

Deno.test("beats that come while others are recorded → together, at most 100, each with its own verdict", async () => {
  const { database, batches } = await recorder();
  const numbers = Array.from({ length: 250 }, (_, index) => index);
  const verdicts = await Promise.all(numbers.map((number) => database.heartbeats.record([beat(number)])));
  assert.deepEqual(verdicts, numbers.map((number) => [number % 10 === 3 ? null : verdict(number)]));
  assert.deepEqual(batches, [1, 1, 100, 100, 48]);
});

Deno.test("a beat that the database will not have → fails alone", async () => {
  const { database } = await recorder((beats) => {
    if (beats.some(({ seq }) => seq === 5)) throw new RangeError("seq 5");
  });
  const results = await Promise.allSettled(
    [1, 2, 4, 5, 6].map((number) => database.heartbeats.record([beat(number)])),
  );
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
});

Deno.test("an outage → everybody hears of it, the database is asked once, and the next beat is tried", async () => {
  let isDown = true;
  let asked = 0;
  const { database } = await recorder(() => {
    asked += 1;
    if (isDown) throw unavailable("the database", null);
  });
  const results = await Promise.allSettled(
    [1, 2, 4, 5, 6].map((number) => database.heartbeats.record([beat(number)])),
  );
  assert.ok(results.every((result) => result.status === "rejected" && result.reason.code === "unavailable"));
  assert.equal(asked, 3);
  isDown = false;
  assert.deepEqual(await database.heartbeats.record([beat(7)]), [verdict(7)]);
});

async function recorder(
  check: (beats: readonly Beat[]) => void = () => undefined,
): Promise<{ database: Database; batches: number[] }> {
  const batches: number[] = [];
  const { database } = await testBackend({
    heartbeats: {
      async record(beats) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        check(beats);
        batches.push(beats.length);
        return beats.map(({ seq }) => seq === null || seq % 10 === 3 ? null : verdict(seq));
      },
    },
  });
  return { database: batching(database), batches };
}

function beat(seq: number): Beat {
  return {
    agentId: crypto.randomUUID(),
    epoch: 1,
    status: "healthy",
    message: null,
    metrics: {},
    instanceId: null,
    seq,
    clockOffsetSeconds: null,
  };
}

function verdict(seq: number): Verdict {
  return { heartbeatIntervalSeconds: 60 + seq };
}
