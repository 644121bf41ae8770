/** A UUID in canonical form: lower case (RFC 9562 section 4). */
export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a value is a JSON object: neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

let last = { at: NaN, text: "" };

/**
 * A time as RFC 3339 in UTC. The last one is kept: to write one costs as much as to read a beat's JSON, and under load
 * many replies go out within one millisecond.
 */
export function timeText(time: Date): string {
  const at = time.getTime();
  if (at !== last.at) last = { at, text: time.toISOString() };
  return last.text;
}
