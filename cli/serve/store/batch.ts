import type { Beat, Database, Verdict } from "../../../supabase/functions/_shared/database/port.ts";
import { ContractError, unavailable } from "../../../supabase/functions/_shared/http/errors.ts";
import { TimeoutError } from "./queue.ts";

interface Waiting {
  beat: Beat;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
}

const maxBatch = 100;
const maxConcurrent = 2;
const timeoutMs = 4000;

/**
 * The same database, but beats that arrive while others are being recorded are recorded together: one round
 * trip for up to 100 of them. A beat never waits for others to come, and never for longer than 4 s.
 */
export function batching(database: Database): Database {
  const waiting = new Set<Waiting>();
  let underWay = 0;
  const recordWaiting = async (): Promise<void> => {
    underWay += 1;
    while (waiting.size > 0) await record(database, takeFrom(waiting));
    underWay -= 1;
  };
  const recordOne = async (beat: Beat): Promise<Verdict> => {
    const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
    const one = { beat, resolve, reject };
    const timer = setTimeout(() => {
      waiting.delete(one);
      reject(unavailable("the database", new TimeoutError(timeoutMs)));
    }, timeoutMs);
    waiting.add(one);
    if (underWay < maxConcurrent) void recordWaiting();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  };
  return { ...database, heartbeats: { record: (beats) => Promise.all(beats.map(recordOne)) } };
}

function takeFrom(waiting: Set<Waiting>): Waiting[] {
  const batch = [...waiting].slice(0, maxBatch);
  for (const one of batch) waiting.delete(one);
  return batch;
}

async function record(database: Database, batch: Waiting[]): Promise<void> {
  try {
    const verdicts = await database.heartbeats.record(batch.map(({ beat }) => beat));
    batch.forEach(({ resolve }, index) => resolve(verdicts[index] ?? null));
  } catch (error) {
    // One beat that the database refuses must not fail the others. An outage fails all of them.
    const isOutage = error instanceof ContractError && error.code === "unavailable";
    if (isOutage || batch.length === 1) batch.forEach(({ reject }) => reject(error));
    else for (const one of batch) await record(database, [one]);
  }
}
