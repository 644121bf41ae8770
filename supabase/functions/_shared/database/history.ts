import { boolean, each, entries, fields, number, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";

const bucket = {
  at: text,
  beats: number,
  expected: number,
  worst_status: orNull(text),
};

const gap = { from: text, to: text, reason: text, detail: record };

const readBucket = fields(bucket);
const readMetrics = entries(each(number));

/** What an agent's beats were in one step of time; without metrics where the step is a minute. */
export type Bucket = ReadBy<typeof bucket> & { metrics?: Record<string, number[]> };

/** A silence of an agent, and why it was. */
export type Gap = ReadBy<typeof gap>;

/** Which history is asked for. */
export interface HistoryQuery {
  from: Date;
  to: Date;
  stepSeconds: number;
}

/**
 * The embedded Postgres folds these in a quarter of a second, in which it does nothing else. One of 1,000 beats may do it,
 * so that it has to be more than these.
 */
const beatsOfPart = 2000;

export const history = {
  /** One owner's agent's history; of anybody's agent, where the owner is null. Null where there is no such agent. */
  read: row("agent_history", {
    effect: "reads",
    args: (agentId: string, ownerId: string | null, { from, to, stepSeconds }: HistoryQuery) => ({
      agent_id: agentId,
      owner_id: ownerId,
      from_time: from.toISOString(),
      to_time: to.toISOString(),
      step_seconds: stepSeconds,
    }),
    read: orNull(fields({ buckets: each(readWholeBucket), gaps: each(fields(gap)) })),
  }),
  /**
   * Folds what beats left into the history, a part of it at a time, and drops what is older than this many days; 0 ends
   * the history. Whether there is more to do now.
   */
  keep: row("keep_history", {
    effect: "beats",
    args: (days: number) => ({ days, most_beats: beatsOfPart }),
    read: boolean,
  }),
};

function readWholeBucket(value: unknown): Bucket {
  const { metrics } = record(value);
  return { ...readBucket(value), ...(metrics === undefined ? {} : { metrics: readMetrics(metrics) }) };
}
