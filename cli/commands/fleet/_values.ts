import { InvalidArgumentError } from "@commander-js/extra-typings";
import { incidentKinds } from "../../fleet/channel_kinds.ts";
import { formatDuration, parseDuration } from "../../host/duration.ts";
import { printable } from "../../terminal/printable.ts";

/** A flag's value as a number of seconds within a range that the service accepts. */
export function secondsBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const seconds = parseDuration(text);
    if (seconds !== null && seconds >= least && seconds <= most) return seconds;
    const range = `${formatDuration(least)} to ${formatDuration(most)}`;
    const examples = ["90s", "15m", "2h", "7d"].filter((example) => {
      const seconds = parseDuration(example) ?? NaN;
      return seconds >= least && seconds <= most;
    });
    throw new InvalidArgumentError(`Expected ${range}, such as ${examples.join(" or ")}.`);
  };
}

/** The same, or `none`, which takes away what was set. Commander makes an empty text of a null. */
export function secondsOrNone(least: number, most: number): (text: string) => number | "none" {
  const parse = secondsBetween(least, most);
  return (text) => text === "none" ? text : parse(text);
}

export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Expected a whole number, ${least} to ${most}.`);
  };
}

/** Adds one `key:value`, split at the first colon, to the labels that were given before. */
export function addLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([a-z0-9._-]{1,63}):(.{0,255})$/su.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return { ...labels, [key]: value };
  throw new InvalidArgumentError("Expected key:value, the key of a-z, 0-9, '.', '_' and '-'.");
}

/** Adds one `key`, or `key:value`, to those that an agent has to have. */
export function addLabelFilter(text: string, filters: string[] = []): string[] {
  if (/^[a-z0-9._-]{1,63}(:.{0,255})?$/su.test(text)) return [...filters, text];
  throw new InvalidArgumentError("Expected key or key:value, the key of a-z, 0-9, '.', '_' and '-'.");
}

/** A moment to come. Without a zone, it is one of this host's clock. */
export function parseMoment(text: string): Date {
  const time = momentOf(text);
  if (time !== null) return time;
  throw new InvalidArgumentError("Expected a time such as 2026-12-01T08:00 or 2026-12-01T08:00Z.");
}

/** The same; null for a text that is no moment. */
export function momentOf(text: string): Date | null {
  const isDated = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$/i.test(text);
  // A date without a time would be read as one of UTC.
  const time = isDated ? new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T")) : null;
  return time === null || Number.isNaN(time.getTime()) ? null : time;
}

/** What keeps a text from being an agent's name; null when nothing does. The service decides in the end. */
export function nameFault(name: string): string | null {
  const length = [...name].length;
  if (name.trim() === "") return "it is empty";
  if (length > 100) return `it has ${length} characters, a name has 100 at most`;
  if (printable(name) !== name) return "it has a character that a terminal would act on";
  return null;
}

/** Kinds of incidents, with commas between them. */
export function parseKinds(text: string): string[] {
  const kinds = [...new Set(text.split(",").map((kind) => kind.trim()))];
  if (kinds.every((kind) => incidentKinds.includes(kind))) return kinds;
  throw new InvalidArgumentError(`Expected one or more of ${incidentKinds.join(", ")}, with commas.`);
}
