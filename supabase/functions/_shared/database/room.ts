import type { Call, SqlCall } from "./row.ts";

const rememberedMs = 60_000;

/**
 * The same calls, but that a database which has just refused a write for want of room (class 53: disk, memory) is not
 * called healthy: reads may well succeed there. The next write that is taken, or a minute, ends that.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function watchRoom(call: Call, now: () => number = () => performance.now()): Call {
  let refused: { at: number; error: unknown } | null = null;
  return async (one) => {
    if (one.name === "check_health" && refused !== null && now() - refused.at < rememberedMs) {
      throw refused.error;
    }
    try {
      const result = await call(one);
      if (one.effect !== "reads" && !hasWrittenNothing(one, result)) refused = null;
      return result;
    } catch (error) {
      if (one.effect !== "reads" && hasNoRoom(error)) refused = { at: now(), error };
      throw error;
    }
  };
}

/** Where the history has no room, too, this call leaves all beats to the next one, and does not fail. */
function hasWrittenNothing({ name }: SqlCall, result: unknown): boolean {
  return name === "record_ordinary_heartbeats" && result === null;
}

/** The outage's cause is Postgres's own error, with its SQLSTATE. */
function hasNoRoom(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && /^53[12]/.test(String(cause.code));
}
