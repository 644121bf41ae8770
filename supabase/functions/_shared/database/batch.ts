import { unavailable } from "../http/errors.ts";
import { ListQueue } from "./list_queue.ts";
import type { Database } from "./port.ts";

/**
 * The same database, but beats that arrive while others are being recorded are recorded together, and handshakes
 * likewise: one round trip for a list of up to 250 of them, and one more for the beats of it that are not ordinary. None
 * waits for longer than 4 s.
 *
 * @param options.isParallel whether this thread goes on while a call is under way
 * @param options.pipelines whether a second list of handshakes may be sent behind one that is under way
 */
export function batching(database: Database, { isParallel = true, pipelines = false } = {}): Database {
  const failure = (cause: Error): Error => unavailable("the database", cause);
  const beats = new ListQueue({
    make: database.heartbeats.recordOrdinary,
    makeOfRest: database.heartbeats.record,
    keyOf: ({ agentId }) => agentId,
    failure,
    isParallel,
  });
  const handshakes = new ListQueue({
    make: database.sessions.openAll,
    // Whoever knows an agent's id may send wrong secrets for it: they must not stand in line before the right one.
    keyOf: ({ agentId, secretDigest }) => `${agentId} ${secretDigest}`,
    failure,
    isParallel,
    // Of beats, smaller lists cost as much as the database's waits save.
    calls: pipelines ? 2 : 1,
  });
  return {
    ...database,
    heartbeats: {
      ...database.heartbeats,
      record: (list) => all(list.map((beat) => beats.add(beat))),
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
