import { isRecord } from "../values.ts";

/** Reads one value of a reply. @throws {TypeError} when it is of another kind: a fault of ours. */
type Reader<Value> = (value: unknown) => Value;

/** What an object of readers reads. */
export type ReadBy<Readers> = {
  [Key in keyof Readers]: Readers[Key] extends Reader<infer Value> ? Value : never;
};

export function text(value: unknown): string {
  if (typeof value !== "string") throw unexpected("a string");
  return value;
}

/** One of these words. */
export function oneOf<Word extends string>(...words: readonly Word[]): Reader<Word> {
  return (value) => {
    const word = words.find((one) => one === value);
    if (word === undefined) throw unexpected(`one of ${words.join(", ")}`);
    return word;
  };
}

export function number(value: unknown): number {
  if (typeof value !== "number") throw unexpected("a number");
  return value;
}

export function boolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw unexpected("true or false");
  return value;
}

export function record(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw unexpected("an object");
  return value;
}

export function list(value: unknown, length: number): unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw unexpected(`a list of ${length}`);
  return value;
}

/** A list of any length, whose values are all of one kind. */
export function each<Value>(read: Reader<Value>): Reader<Value[]> {
  return (value) => list(value, Array.isArray(value) ? value.length : 0).map(read);
}

export function nothing(): void {}

export function orNull<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value) => value === null ? null : read(value);
}

/** An object of any keys, whose values are all of one kind. */
export function entries<Value>(read: Reader<Value>): Reader<Record<string, Value>> {
  return (value) =>
    Object.fromEntries(Object.entries(record(value)).map(([key, inner]) => [key, read(inner)]));
}

/** The named fields of an object, and no others. */
export function fields<Readers extends Record<string, Reader<unknown>>>(
  readers: Readers,
): Reader<ReadBy<Readers>> {
  const named = Object.entries(readers);
  return (value) => {
    const given = record(value);
    const read: Record<string, unknown> = {};
    for (const [key, reader] of named) read[key] = reader(given[key]);
    // What the type of an object of any keys forgets: each key has what its own reader returned.
    return read as ReadBy<Readers>;
  };
}

function unexpected(expected: string): TypeError {
  return new TypeError(`Cannot read what the database returned: expected ${expected}`);
}
