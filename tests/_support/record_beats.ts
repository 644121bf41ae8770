import type { Beat, Database, Verdict } from "../../supabase/functions/_shared/database/port.ts";

/** As a server records them: the ordinary ones by one call, all others by the next. */
export async function recordBeats(
  { heartbeats }: Pick<Database, "heartbeats">,
  beats: readonly Beat[],
): Promise<Verdict[]> {
  const verdicts = await heartbeats.recordOrdinary(beats);
  const others = await heartbeats.record(beats.filter((_, place) => verdicts[place] === null));
  return verdicts.map((verdict) => verdict ?? others.shift() ?? null);
}

/** A beat of an agent that says nothing of itself. */
export function plainBeat(agentId: string, said: Partial<Beat> = {}): Beat {
  return {
    agentId,
    epoch: 1,
    status: "healthy",
    message: null,
    metrics: {},
    instanceId: null,
    seq: null,
    clockOffsetSeconds: null,
    work: null,
    backInSeconds: null,
    ...said,
  };
}
