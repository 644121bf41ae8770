import { asObject } from "../../host/json.ts";
import { printable } from "../../terminal/printable.ts";
import type { Metrics } from "./host_metrics.ts";

/** What a beat can hold of a JSON value, and the names of what it cannot hold. */
export interface Numbers {
  metrics: Metrics;
  lost: string[];
}

const deepest = 8;
const mostNames = 10;

/**
 * The finite numbers of an object under names that the server takes: camelCase becomes snake_case, and the names of
 * nested objects are joined with `_`. Of two that come to the same name, the one that is written so is kept.
 */
export function numbersOf(value: unknown): Numbers {
  const leaves = flatten(value, []).map(({ path, leaf }) => {
    const written = path.join("_");
    return { path, leaf, name: snakeCase(written), isExact: snakeCase(written) === written };
  });
  const metrics: Metrics = {};
  const lost: string[] = [];
  for (const { path, leaf, name } of [...leaves].sort((a, b) => Number(b.isExact) - Number(a.isExact))) {
    if (isNumber(leaf) && isName(name) && !(name in metrics)) metrics[name] = leaf;
    else lost.push(path.join("."));
  }
  return { metrics, lost };
}

/** Names for one line of the log. */
export function listNames(names: string[]): string {
  const shown = names.slice(0, mostNames).map((name) => printable(name).slice(0, 63)).join(", ");
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown;
}

function flatten(value: unknown, path: string[]): { path: string[]; leaf: unknown }[] {
  const fields = asObject(value);
  if (fields === null || path.length === deepest) return path.length === 0 ? [] : [{ path, leaf: value }];
  return Object.entries(fields).flatMap(([name, inner]) => flatten(inner, [...path, name]));
}

function snakeCase(name: string): string {
  return name.replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2").replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
}

function isName(name: string): boolean {
  return /^[a-z][a-z0-9_]{0,62}$/.test(name);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
