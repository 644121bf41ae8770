import type { Backend } from "../_shared/backend.ts";
import { type AgentsAfter, livenessWords } from "../_shared/database/port.ts";
import { badField, parseChoice } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { badCursor, type Cursor, listReply, parsePage } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { isRecord, uuid } from "../_shared/values.ts";
import { parseFilter, parseLabelKey } from "./_filter.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;
type Counts = Readonly<Record<string, number>>;
/** Null where nothing was counted: it was not asked for, or this is behind a mark of the map. */
type Totals = Readonly<{ counts: Counts | null; troubles: Counts | null }>;

const sorts = ["trouble", "name", "last_seen_at", "created_at"]
  .flatMap((word) => [word, `-${word}`]);
const troubleWords = ["unhealthy", "copies"];

/**
 * Lists the agents that an operator or reader may see.
 *
 * The first page counts them all, and its cursor takes the totals along: the pages after it have the same, and do not
 * count again.
 */
export async function listAgents(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const { query } = request;
  const sort = parseSort(query.get("sort") ?? "trouble");
  const filter = parseFilter(query);
  const { limit, after } = parsePage(query);
  const from = after === null ? null : parseAfter(after, sort);
  const skipped = parseSkip(query.get("skip") ?? "0");
  const page = { limit, after: from?.key ?? null, ...(skipped === 0 ? {} : { skipped }) };
  const isCounted = parseChoice(query.get("counts") ?? "true", "counts", ["true", "false"]) === "true";
  const listed = await deps.database.agents.list(scopeOf(reader), {
    filter,
    sort,
    page,
    ...(isCounted ? {} : { isCounted }),
  });
  const totals = from?.totals ?? listed.totals ?? { counts: null, troubles: null };
  const next = listed.next === null ? null : { ...listed.next, ...totals };
  return listReply("agents", { rows: listed.rows, next, ...totals }, deps.now());
}

/** The order: a word, or a label, with a `-` before it the other way round. */
function parseSort(text: string): string {
  const [, key] = /^-?label:(.*)$/s.exec(text) ?? [];
  if (key === undefined) return parseChoice(text, "sort", sorts);
  parseLabelKey(key, "sort");
  return text;
}

function parseSkip(text: string): number {
  const skipped = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(skipped)) throw badField("skip", "is not a whole number from 0 to 999");
  return skipped;
}

/** Its fields depend on the order, so a cursor of another order is refused, too. */
function parseAfter(cursor: Cursor, sort: string): { key: AgentsAfter; totals: Totals } {
  const { sort: sortedBy, key, id, counts = null, troubles = null } = cursor;
  const isPlace = sortedBy === sort && typeof id === "string" && uuid.test(id) && isKey(key, sort);
  const isMark = counts === null && troubles === null;
  if (!isPlace) throw badCursor();
  if (isMark) return { key: { sort, key, id }, totals: { counts: null, troubles: null } };
  if (!isCounts(counts, livenessWords) || !isCounts(troubles, troubleWords)) throw badCursor();
  return { key: { sort, key, id }, totals: { counts, troubles } };
}

function isKey(key: unknown, sort: string): key is AgentsAfter["key"] {
  if (sort.includes(":") || sort.endsWith("name")) {
    return typeof key === "string" && !key.includes("\0") && key.isWellFormed();
  }
  if (sort.endsWith("trouble")) return typeof key === "string" && /^\d{1,18}$/.test(key);
  if (key === null) return sort.endsWith("last_seen_at");
  // The greatest time that JSON carries in microseconds is in the year 2255.
  return typeof key === "number" && Number.isSafeInteger(key);
}

function isCounts(value: unknown, words: readonly string[]): value is Counts {
  return isRecord(value) &&
    Object.entries(value).every(([word, count]) => words.includes(word) && Number.isSafeInteger(count));
}
