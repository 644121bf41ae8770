import { isRecord, uuid } from "../values.ts";
import { ContractError } from "./errors.ts";

/** A JSON object whose fields have not been checked. */
export type Fields = Readonly<Record<string, unknown>>;

interface TextRule {
  longest: number;
  shortest?: number;
  /** Whether line feeds may be in it. */
  newlines?: boolean;
}

interface RangeRule {
  from: number;
  to: number;
}

// deno-lint-ignore no-control-regex -- control characters are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;
// deno-lint-ignore no-control-regex -- the same, but for the line feed
const controlsButNewline = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
const utcTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)$/i;
const misleading = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const allMisleading = new RegExp(misleading, "g");
const maxEntries = 32;

/** The refusal of a field: its name, what it is, and what was expected. */
export function badField(name: string, what: string): ContractError {
  return new ContractError("invalid_request", `Cannot read the request: "${name}" ${what}`);
}

/** A JSON object: neither an array nor null. */
export function parseFields(value: unknown, name: string): Fields {
  if (!isRecord(value)) throw badField(name, `is ${kindOf(value)}, expected an object`);
  return value;
}

/** A well-formed string, its length counted in code points, without control characters. */
export function parseText(value: unknown, name: string, rule: TextRule): string {
  if (typeof value !== "string") throw badField(name, `is ${kindOf(value)}, expected a string`);
  if (!value.isWellFormed()) {
    throw badField(name, "has half of a surrogate pair, expected well-formed Unicode");
  }
  if ((rule.newlines === true ? controlsButNewline : controls).test(value)) {
    throw badField(
      name,
      `has a control character${rule.newlines === true ? " other than a line feed" : ""}`,
    );
  }
  const { shortest = 0, longest } = rule;
  const length = codePoints(value);
  if (length < shortest || length > longest) {
    throw badField(name, `has ${length} characters, expected ${shortest} to ${longest}`);
  }
  return value;
}

/** How many code points a well-formed text has: two units are one where they are a pair. */
function codePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index += 1) {
    if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count -= 1;
  }
  return count;
}

/**
 * A name of 1 to 100 characters for people to read: not only white space, and nothing that turns its direction or, as
 * U+2028 and U+2029, ends its line.
 */
export function parseName(value: unknown, name: string): string {
  const text = parseText(value, name, { shortest: 1, longest: 100 });
  if (text.trim() === "") throw badField(name, "is only white space");
  if (misleading.test(text)) throw badField(name, "has a control of the direction of writing or of lines");
  return text;
}

/** As much of a host's name as may be in an agent's, or null when nothing is. */
export function cleanName(hostname: string): string | null {
  return [...hostname.replaceAll(allMisleading, "")].slice(0, 100).join("").trim() || null;
}

export function parseChoice<Choice extends string>(
  value: unknown,
  name: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((one) => one === value);
  if (choice === undefined) {
    throw badField(name, `is not one of ${choices.map((one) => `"${one}"`).join(", ")}`);
  }
  return choice;
}

/** A UUID in either case, as lower case. */
export function parseUuid(value: unknown, name: string): string {
  const id = typeof value === "string" ? value.toLowerCase() : "";
  if (value === undefined) throw badField(name, "is missing, expected a UUID");
  if (!uuid.test(id)) throw badField(name, "is not a UUID");
  return id;
}

export function parseWholeNumber(value: unknown, name: string, rule: RangeRule): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < rule.from || value > rule.to) {
    throw badField(name, `is not a whole number from ${rule.from} to ${rule.to}`);
  }
  return value;
}

export function parseBoolean(value: unknown, name: string): boolean {
  if (typeof value !== "boolean") throw badField(name, `is ${kindOf(value)}, expected true or false`);
  return value;
}

/** How often an agent beats. */
export function parseHeartbeatInterval(value: unknown): number {
  return parseWholeNumber(value, "heartbeat_interval_seconds", { from: 5, to: 86_400 });
}

/** How long an agent's work may stand still; null for any time. */
export function parseProgressDeadline(value: unknown): number | null {
  return value === null
    ? null
    : parseWholeNumber(value, "progress_deadline_seconds", { from: 10, to: 604_800 });
}

/** An RFC 3339 time in UTC. */
export function parseTime(value: unknown, name: string): Date {
  const time = typeof value === "string" && utcTime.test(value) ? new Date(value) : null;
  // A Date takes February 30 for March 2, and 24 o'clock for the next day. It has a year 0, and Postgres has none.
  if (time === null || Number.isNaN(time.getTime()) || !isSameHour(time, String(value)) || time < firstYear) {
    throw badField(name, "is not an RFC 3339 time in UTC");
  }
  return time;
}

const firstYear = new Date("0001-01-01T00:00:00Z");

function isSameHour(time: Date, text: string): boolean {
  return time.toISOString().slice(0, 13) === text.slice(0, 13).toUpperCase();
}

/** Labels: at most 32 strings of at most 255 characters, keys of 1 to 63 of `[a-z0-9._-]`. */
export function parseLabels(value: unknown): Readonly<Record<string, string>> {
  return parseEntries(
    value,
    "labels",
    /^[a-z0-9._-]{1,63}$/,
    (label, key) => void parseText(label, `labels.${key}`, { longest: 255 }),
  );
}

/** Metrics: at most 32 finite numbers, keys `[a-z][a-z0-9_]{0,62}`. */
export function parseMetrics(value: unknown): Readonly<Record<string, number>> {
  return parseEntries(value, "metrics", /^[a-z][a-z0-9_]{0,62}$/, assertMetric);
}

function assertMetric(metric: unknown, key: string): void {
  if (typeof metric === "number" && Number.isFinite(metric)) return;
  throw badField(`metrics.${key}`, `is ${kindOf(metric)}, expected a finite number`);
}

/** @param assertValue throws for what is no value, and says why */
function parseEntries<Value>(
  value: unknown,
  name: string,
  pattern: RegExp,
  assertValue: (value: unknown, key: string) => void,
): Readonly<Record<string, Value>> {
  const fields = parseFields(value, name);
  const keys = Object.keys(fields);
  if (keys.length > maxEntries) {
    throw badField(name, `has ${keys.length} entries, expected at most ${maxEntries}`);
  }
  for (const key of keys) {
    if (!pattern.test(key)) throw badField(name, `has a key that is not ${pattern.source.slice(1, -1)}`);
    assertValue(fields[key], key);
  }
  // What `assertValue` has looked at.
  return fields as Record<string, Value>;
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : "a number that is too large";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
