import parse from "parse-prometheus-text-format";
import { record } from "./client.ts";
import { assertExposition } from "./exposition_rules.ts";

/** A family as a foreign parser reads it. Of a histogram it puts all label sets into one. */
export interface ReadFamily {
  type: string;
  help: string;
  metrics: Record<string, unknown>[];
}

/** A scrape's families by name; rejects a text that the parser or the format itself does not know. */
export function readMetrics(scrape: string): Map<string, ReadFamily> {
  assertExposition(scrape);
  const families: unknown = parse(scrape);
  if (!Array.isArray(families)) throw new TypeError("The parser read no list");
  return new Map(families.map((family: unknown) => {
    const { name, type, help, metrics } = record(family);
    if (!Array.isArray(metrics)) throw new TypeError(`${name} has no list`);
    return [String(name), { type: String(type), help: String(help), metrics: metrics.map(record) }];
  }));
}

/** The number of the sample with these labels; null where there is none. */
export function sampleOf(
  families: Map<string, ReadFamily>,
  name: string,
  labels: Record<string, string> = {},
): number | null {
  const wanted = JSON.stringify(labels);
  const found = families.get(name)?.metrics.find((one) => JSON.stringify(one.labels ?? {}) === wanted);
  return found === undefined ? null : Number(found.value);
}
