import { each, fields, list, number, orNull, record, text } from "./readers.ts";
import { row, SqlArray } from "./row.ts";

export interface Beat {
  agentId: string;
  epoch: number;
  status: string;
  message: string | null;
  metrics: Readonly<Record<string, number>>;
  instanceId: string | null;
  seq: number | null;
  /** How far the agent's clock was ahead of ours; null for a beat that did not tell its time. */
  clockOffsetSeconds: number | null;
  /** Null for a beat that said nothing of the agent's work. */
  work: Work | null;
  /** When an agent that stops means to be back; null for a beat that did not say so. */
  backInSeconds: number | null;
}

/** What an agent says of its work. */
export interface Work {
  busy: boolean;
  /** Whatever it counts; null for a beat that told no number. */
  progress: number | null;
}

/** What the reply to a beat that was recorded needs. */
interface Recorded {
  heartbeatIntervalSeconds: number;
  /** What the agent is asked to do; not there when it is nothing. */
  directives?: string[];
}

/** What became of a beat: recorded, or null when its session was ended. */
export type Verdict = Recorded | null;

const readAsked = fields({ heartbeat_interval_seconds: number, directives: each(text) });

export const heartbeats = {
  /** One verdict for every beat, in their order. Each agent is named once. */
  record: row("record_heartbeats", {
    effect: "beats",
    args: columnsOf,
    read: (reply, beats): Verdict[] => list(reply, beats.length).map(orNull(readVerdict)),
  }),
  /**
   * Records those beats that change nothing but what they say, as nearly all do, at less cost than `record`. Null is no
   * verdict: that beat was not recorded, and `record` is to have it. Each agent is named once.
   */
  recordOrdinary: row("record_ordinary_heartbeats", {
    effect: "beats",
    args: columnsOf,
    read: (reply, beats): (Recorded | null)[] => {
      const intervals = orNull(record)(reply);
      return beats.map((_, index) => {
        const interval = intervals?.[index + 1];
        return interval === undefined ? null : { heartbeatIntervalSeconds: number(interval) };
      });
    },
  }),
};

function columnsOf(beats: readonly Beat[]) {
  return {
    agent_ids: SqlArray.column(beats, ({ agentId }) => agentId),
    epochs: SqlArray.column(beats, ({ epoch }) => epoch),
    statuses: SqlArray.column(beats, ({ status }) => status),
    messages: SqlArray.column(beats, ({ message }) => message),
    metrics: SqlArray.column(beats, ({ metrics }) => JSON.stringify(metrics)),
    instance_ids: SqlArray.column(beats, ({ instanceId }) => instanceId),
    seqs: SqlArray.column(beats, ({ seq }) => seq),
    clock_offsets: SqlArray.column(beats, ({ clockOffsetSeconds }) => clockOffsetSeconds),
    busies: SqlArray.column(beats, ({ work }) => work?.busy ?? null),
    progresses: SqlArray.column(beats, ({ work }) => work?.progress ?? null),
    backs_in: SqlArray.column(beats, ({ backInSeconds }) => backInSeconds),
  };
}

/** The interval; with directives, an object. */
function readVerdict(recorded: unknown): Recorded {
  if (typeof recorded === "number") return { heartbeatIntervalSeconds: recorded };
  const { heartbeat_interval_seconds, directives } = readAsked(recorded);
  return { heartbeatIntervalSeconds: heartbeat_interval_seconds, directives };
}
