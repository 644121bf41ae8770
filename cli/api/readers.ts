import { asObject, type Fields } from "../host/json.ts";
import { printableStrings } from "../terminal/printable.ts";

/** Reads a value of a reply. @throws {MalformedReply} when it is not what the service sends */
export type Reader<Value> = (value: unknown) => Value;

/** What an object of readers reads. */
export type ReadBy<Readers> = {
  [Key in keyof Readers]: Readers[Key] extends Reader<infer Value> ? Value : never;
};

/** A reply, or a part of one, is not what the service sends. */
class MalformedReply extends Error {
  override readonly name = "MalformedReply";
}

/** A whole reply; null for one that is not the service's. */
export function reply<Value>(read: Reader<Value>): (fields: Fields) => Value | null {
  return (fields) => {
    try {
      return read(fields);
    } catch (error) {
      if (error instanceof MalformedReply) return null;
      throw error;
    }
  };
}

/** A text without what a terminal acts on. */
export function text(value: unknown): string {
  return String(printableStrings(content(value)));
}

/** A text that may have several lines. */
export function lines(value: unknown): string {
  return content(value).split("\n").map(text).join("\n");
}

/** A text as it came, such as a file's: it is not shown. */
export function content(value: unknown): string {
  if (typeof value === "string") return value;
  throw new MalformedReply();
}

export function number(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new MalformedReply();
}

export function boolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new MalformedReply();
}

/** Any object, cleaned: what is in it depends on something else. */
export function details(value: unknown): Fields {
  return record(printableStrings(value));
}

/** What may be null. */
export function orNull<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value) => value === null ? null : read(value);
}

/** What a reply has only in some cases, and what stands for it in the others. */
export function optional<Value>(read: Reader<Value>, absent: Value): Reader<Value> {
  return (given) => given === undefined ? absent : read(given);
}

/** A list. */
export function each<Value>(read: Reader<Value>): Reader<Value[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new MalformedReply();
    return value.map(read);
  };
}

/** An object of which the keys may be anything. */
export function entries<Value>(read: Reader<Value>): Reader<Record<string, Value>> {
  return (value) =>
    Object.fromEntries(Object.entries(record(value)).map(([key, one]) => [text(key), read(one)]));
}

/** The named fields of an object, and no others. */
export function fields<Readers extends Record<string, Reader<unknown>>>(
  readers: Readers,
): Reader<ReadBy<Readers>> {
  return (value) => {
    const given = record(value);
    const read = Object.entries(readers).map(([key, reader]) => [key, reader(given[key])]);
    // What Object.fromEntries forgets: each key has what its own reader returned.
    return Object.fromEntries(read) as ReadBy<Readers>;
  };
}

function record(value: unknown): Fields {
  const object = asObject(value);
  if (object === null) throw new MalformedReply();
  return object;
}
