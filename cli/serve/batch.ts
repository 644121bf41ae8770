import type { Beat, Database, Verdict } from "../../supabase/functions/_shared/database.ts";
import { ContractError } from "../../supabase/functions/_shared/errors.ts";

interface Waiting {
  beat: Beat;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
}

const mostAtOnce = 100;
const mostUnderWay = 2;

/**
 * The same database, but beats that arrive while others are being recorded are recorded together: one round
 * trip for up to 100 of them. A beat never waits for others to come.
 */
export function batching(database: Database): Database {
  const waiting: Waiting[] = [];
  let underWay = 0;
  const recordWaiting = async (): Promise<void> => {
    underWay += 1;
    while (waiting.length > 0) await record(database, waiting.splice(0, mostAtOnce));
    underWay -= 1;
  };
  const recordOne = (beat: Beat): Promise<Verdict> => {
    const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
    waiting.push({ beat, resolve, reject });
    if (underWay < mostUnderWay) void recordWaiting();
    return promise;
  };
  return { ...database, recordHeartbeats: (beats) => Promise.all(beats.map(recordOne)) };
}

async function record(database: Database, batch: Waiting[]): Promise<void> {
  try {
    const verdicts = await database.recordHeartbeats(batch.map(({ beat }) => beat));
    batch.forEach(({ resolve }, index) => resolve(verdicts[index] ?? null));
  } catch (error) {
    // One beat that the database will not have must not take the others with it. An outage is everybody's.
    const isOutage = error instanceof ContractError && error.code === "unavailable";
    if (isOutage || batch.length === 1) batch.forEach(({ reject }) => reject(error));
    else for (const one of batch) await record(database, [one]);
  }
}
