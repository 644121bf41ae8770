import type { Agent } from "../state.ts";
import { get } from "./api.ts";
import { formatFilters } from "./filters.ts";
import { filters, map, rows } from "./store.ts";

/** Rows that are asked for at once. */
const most = 100;
/** Rows that are kept, at most: what was seen long ago is asked for again. */
const kept = 4000;
let asking: Promise<void> | null = null;

/** Rows that have changed since they were read. */
const changed = new Set<number>();

/** Asks for the rows of a range that are not known; one range at a time. */
export function needRows(
  first: number,
  end: number,
  isDue = (index: number) => !rows.value.has(index),
): void {
  if (map.value === null || asking !== null) return;
  for (let index = first; index < Math.min(end, map.value.cells.length); index++) {
    if (isDue(index)) return ask(Math.max(0, Math.min(index, end - most)));
  }
}

/** Notes that cells have changed: the next renewal asks for their rows again. */
export function noteChanges(indexes: readonly number[]): void {
  for (const index of indexes) changed.add(index);
}

/** Asks again for the rows of a range that have changed. Once a second is enough for a reader. */
export function renewRows(first: number, end: number): void {
  needRows(first, end, (index) => changed.has(index));
}

function ask(first: number): void {
  asking = readFrom(first).catch(() => undefined).finally(() => asking = null);
}

async function readFrom(first: number): Promise<void> {
  const known = map.value;
  if (known === null) return;
  for (let index = first; index < first + most; index++) changed.delete(index);
  const { marks, marks_every: every, order, sort } = known;
  const mark = Math.min(Math.floor(first / every), marks.length);
  const query = new URLSearchParams(formatFilters(filters.value));
  query.delete("group");
  query.set("sort", sort);
  query.set("limit", String(most));
  if (mark > 0) query.set("cursor", marks[mark - 1] ?? "");
  if (first > mark * every) query.set("skip", String(first - mark * every));
  const page = await get<{ agents: Agent[] }>(`agents?${query}`);
  if (map.value?.order !== order || query.get("q") !== (filters.value.q || null)) return;
  const rest = new Map(rows.value.size > kept ? [] : rows.value);
  page.agents.forEach((agent, offset) => rest.set(first + offset, agent));
  rows.value = rest;
}
