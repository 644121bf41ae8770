import { each, fields, list, number, orNull, text } from "./readers.ts";
import { row, SqlArray } from "./row.ts";

export interface Beat {
  agentId: string;
  epoch: number;
  status: string;
  message: string | null;
  metrics: Record<string, number>;
  instanceId: string | null;
  seq: number | null;
  /** How far the agent's clock was ahead of ours; null for a beat that did not tell its time. */
  clockOffsetSeconds: number | null;
}

/** What became of a beat: recorded, or null when its session was ended. */
export type Verdict = {
  heartbeatIntervalSeconds: number;
  /** What the agent is asked to do; not there when it is nothing. */
  directives?: string[];
} | null;

const readAsked = fields({ heartbeat_interval_seconds: number, directives: each(text) });

export const heartbeats = {
  /** One verdict for every beat, in their order. Each agent is named once. */
  record: row("record_heartbeats", {
    effect: "beats",
    args: (beats: readonly Beat[]) => ({
      agent_ids: SqlArray.from(beats, ({ agentId }) => agentId),
      epochs: SqlArray.from(beats, ({ epoch }) => epoch),
      statuses: SqlArray.from(beats, ({ status }) => status),
      messages: SqlArray.from(beats, ({ message }) => message),
      metrics: SqlArray.from(beats, ({ metrics }) => JSON.stringify(metrics)),
      instance_ids: SqlArray.from(beats, ({ instanceId }) => instanceId),
      seqs: SqlArray.from(beats, ({ seq }) => seq),
      clock_offsets: SqlArray.from(beats, ({ clockOffsetSeconds }) => clockOffsetSeconds),
    }),
    read: (reply, beats): Verdict[] => list(reply, beats.length).map(orNull(readVerdict)),
  }),
};

/** The interval; with directives, an object. */
function readVerdict(recorded: unknown): NonNullable<Verdict> {
  if (typeof recorded === "number") return { heartbeatIntervalSeconds: recorded };
  const { heartbeat_interval_seconds, directives } = readAsked(recorded);
  return { heartbeatIntervalSeconds: heartbeat_interval_seconds, directives };
}
