import type { Client } from "./database/port.ts";
import { badField, parseFields, parseText } from "./http/fields.ts";

/** What an agent's program says of itself, in the body's field `client`. */
export function parseClient(value: unknown): Client {
  const given = parseFields(value, "client");
  const names = ["version", "hostname", "os", "arch"] as const;
  const client: Client = Object.fromEntries(
    names.filter((name) => given[name] !== undefined)
      .map((name) => [name, parseText(given[name], `client.${name}`, { shortest: 1, longest: 255 })]),
  );
  return given.supports === undefined ? client : { ...client, supports: parseSupports(given.supports) };
}

/** At most 16 words for what the client can do. */
function parseSupports(value: unknown): string[] {
  const words: unknown[] = Array.isArray(value) ? value : [null];
  if (words.length > 16 || !words.every(isWord)) {
    throw badField("client.supports", "is not a list of at most 16 words of a to z and _");
  }
  return words;
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[a-z_]{1,32}$/.test(value);
}
