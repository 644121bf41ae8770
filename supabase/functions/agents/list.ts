import type { Backend } from "../_shared/backend.ts";
import { type AgentsAfter, type AgentsFilter, livenessWords } from "../_shared/database/port.ts";
import { badField, parseChoice, parseText } from "../_shared/http/fields.ts";
import { badCursor, type Cursor, listReply, parsePage, parseWords } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { isRecord, uuid } from "../_shared/values.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;
type Counts = Readonly<Record<string, number>>;
type Totals = Readonly<{ counts: Counts; troubles: Counts }>;

const sorts = ["trouble", "name", "last_seen_at", "created_at"]
  .flatMap((word) => [word, `-${word}`]);
const troubleWords = ["unhealthy", "copies"];
const mostLabels = 32;

/**
 * Lists the agents that an operator or reader may see.
 *
 * The first page counts them all, and its cursor takes the totals along: the pages after it have the same, and do not
 * count again.
 */
export async function listAgents(request: Request, deps: Deps): Promise<Response> {
  const reader = await deps.operators.identifyReader(request, deps);
  const query = new URL(request.url).searchParams;
  const sort = parseChoice(query.get("sort") ?? "trouble", "sort", sorts);
  const filter = parseFilter(query);
  const { limit, after } = parsePage(query);
  const from = after === null ? null : parseAfter(after, sort);
  const page = { limit, after: from?.key ?? null };
  const listed = await deps.database.agents.list(scopeOf(reader), { filter, sort, page });
  const totals = from?.totals ?? listed.totals ?? { counts: {}, troubles: {} };
  const next = listed.next === null ? null : { ...listed.next, ...totals };
  return listReply("agents", { rows: listed.rows, next, ...totals }, deps.now());
}

function parseFilter(query: URLSearchParams): AgentsFilter {
  const search = query.get("q");
  const labels = query.getAll("label");
  if (labels.length > mostLabels) throw badField("label", `is there more than ${mostLabels} times`);
  return {
    liveness: parseWords(query, "liveness", livenessWords),
    labels: labels.map(parseLabel),
    search: search === null ? null : parseText(search, "q", { shortest: 1, longest: 255 }),
  };
}

/** `key`, whatever its value, or `key:value`; a colon may be in the value. */
function parseLabel(text: string): AgentsFilter["labels"][number] {
  const [, key = "", value] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (!/^[a-z0-9._-]{1,63}$/.test(key)) {
    throw badField(
      "label",
      "has a key that is not [a-z0-9._-]{1,63}, expected a key, or a key, a colon and a value",
    );
  }
  return { key, value: value === undefined ? null : parseText(value, "label", { longest: 255 }) };
}

/** Its fields depend on the order, so a cursor of another order is refused, too. */
function parseAfter(cursor: Cursor, sort: string): { key: AgentsAfter; totals: Totals } {
  const { sort: sortedBy, key, id, counts, troubles } = cursor;
  const isPlace = sortedBy === sort && typeof id === "string" && uuid.test(id) && isKey(key, sort);
  if (!isPlace || !isCounts(counts, livenessWords) || !isCounts(troubles, troubleWords)) throw badCursor();
  return { key: { sort, key, id }, totals: { counts, troubles } };
}

function isKey(key: unknown, sort: string): key is AgentsAfter["key"] {
  if (sort.endsWith("name")) return typeof key === "string" && !key.includes("\0") && key.isWellFormed();
  if (sort.endsWith("trouble")) return typeof key === "string" && /^\d{1,18}$/.test(key);
  if (key === null) return sort.endsWith("last_seen_at");
  // The greatest time that JSON carries in microseconds is in the year 2255.
  return typeof key === "number" && Number.isSafeInteger(key);
}

function isCounts(value: unknown, words: readonly string[]): value is Counts {
  return isRecord(value) &&
    Object.entries(value).every(([word, count]) => words.includes(word) && Number.isSafeInteger(count));
}
