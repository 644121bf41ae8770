import { parseDuration } from "../../../host/duration.ts";
import { momentOf } from "../_values.ts";

const longestSeconds = 366 * 86_400;

/** The end of a mute that somebody typed, a length of time or a moment, as the service takes it; null for any other. */
export function mutedUntil(text: string, now: number): string | null {
  const seconds = parseDuration(text.trim());
  const end = seconds === null ? momentOf(text.trim())?.getTime() : now + seconds * 1000;
  if (end === undefined || end <= now || end > now + longestSeconds * 1000) return null;
  return new Date(end).toISOString().replace(/\.\d+Z$/, "Z");
}
