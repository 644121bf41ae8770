import { each, fields, list, number, orNull, record, text } from "./readers.ts";
import { row } from "./row.ts";

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

const readRecorded = fields({ heartbeat_interval_seconds: number });

export const heartbeats = {
  /** One verdict for every beat, in their order. */
  record: row("record_heartbeats", {
    effect: "beats",
    args: (beats: readonly Beat[]) => ({
      beats: beats.map(({ agentId, instanceId, clockOffsetSeconds, ...beat }) => ({
        ...beat,
        agent_id: agentId,
        instance_id: instanceId,
        clock_offset_seconds: clockOffsetSeconds,
      })),
    }),
    read: (reply, beats): Verdict[] => list(reply, beats.length).map(orNull(readVerdict)),
  }),
};

function readVerdict(recorded: unknown): NonNullable<Verdict> {
  const verdict = { heartbeatIntervalSeconds: readRecorded(recorded).heartbeat_interval_seconds };
  const { directives } = record(recorded);
  return directives === undefined ? verdict : { ...verdict, directives: each(text)(directives) };
}
