import { unavailable } from "../http/errors.ts";
import { ListQueue } from "./list_queue.ts";
import type { Beat, Database, Verdict } from "./port.ts";

/**
 * The same database, but beats that arrive while others are being recorded are recorded together, and handshakes
 * likewise: one round trip for a list of up to 250 of them. None waits for longer than 4 s, or 8 s where a beat proves not
 * to be an ordinary one.
 *
 * @param options.isParallel whether this thread goes on while a call is under way
 */
export function batching(database: Database, { isParallel = true } = {}): Database {
  const failure = (cause: Error): Error => unavailable("the database", cause);
  const listed = (
    make: (beats: readonly Beat[]) => Promise<Verdict[]>,
  ): ListQueue<Beat, NonNullable<Verdict>> =>
    new ListQueue({ make, keyOf: ({ agentId }) => agentId, failure, isParallel });
  const ordinary = listed(database.heartbeats.recordOrdinary);
  const others = listed(database.heartbeats.record);
  const handshakes = new ListQueue({
    make: database.sessions.openAll,
    // Whoever knows an agent's id may send wrong secrets for it: they must not stand in line before the right one.
    keyOf: ({ agentId, secretDigest }) => `${agentId} ${secretDigest}`,
    failure,
    isParallel,
  });
  return {
    ...database,
    heartbeats: {
      ...database.heartbeats,
      record: (list) => all(list.map(async (beat) => await ordinary.add(beat) ?? await others.add(beat))),
    },
    sessions: {
      ...database.sessions,
      open: (credentials, said) => handshakes.add({ ...credentials, ...said }),
    },
  };
}

/** As `Promise.all`, which takes three times as long to wait for one: a request brings one beat. */
function all<Result>(results: readonly Promise<Result>[]): Promise<Result[]> {
  const [first] = results;
  if (first === undefined || results.length > 1) return Promise.all(results);
  return first.then((result) => [result]);
}
