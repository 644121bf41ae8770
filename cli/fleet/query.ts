import { livenessWords } from "./state.ts";

/** The agents that are looked for, and their order, under the names that `GET /agents` has for them. */
export interface FleetQuery {
  q?: string | undefined;
  liveness?: readonly string[] | undefined;
  /** `key`, or `key:value`; all of them have to fit. */
  label?: readonly string[] | undefined;
  sort?: string | undefined;
}

export const sortWords = ["trouble", "name", "last_seen_at", "created_at"] as const;

const labelForm = /^[a-z0-9._-]{1,63}(:.{0,255})?$/su;

/**
 * Reads what a person types: words of the query as `liveness=offline,late label=role:web sort=-name`; every other word
 * is a part of `q`. A word with spaces stands in double quotes. A text that begins with `?` is a query as it stands in
 * an address.
 *
 * @returns a sentence that says what is wrong, where something is
 */
export function parseQuery(text: string): FleetQuery | string {
  const pairs = text.startsWith("?") ? [...new URLSearchParams(text)] : pairsOf(text);
  const query: { q: string[]; label: string[]; liveness?: string[]; sort?: string } = { q: [], label: [] };
  for (const [name, value] of pairs) {
    if (name === "q") query.q.push(value);
    else if (name === "label") {
      if (!labelForm.test(value)) return `label=${value} is neither key nor key:value`;
      query.label.push(value);
    } else if (name === "liveness") {
      const words = value.split(",").map((word) => word.trim());
      const wrong = words.find((word) => !livenessWords.some((known) => known === word));
      if (wrong !== undefined) return `liveness takes ${livenessWords.join(", ")}, not "${wrong}"`;
      query.liveness = words;
    } else if (name === "sort") {
      if (!isSort(value)) return `sort takes ${sortWords.join(", ")}, also with - before it, not "${value}"`;
      query.sort = value;
    } else if (!text.startsWith("?")) {
      return `there is no ${name}=: the words are q, liveness, label and sort`;
    }
  }
  const q = query.q.filter((part) => part !== "").join(" ");
  if ([...q].length > 255) return "what is looked for has 255 characters at most";
  return {
    ...(q === "" ? {} : { q }),
    ...(query.liveness === undefined ? {} : { liveness: query.liveness }),
    ...(query.label.length === 0 ? {} : { label: query.label }),
    ...(query.sort === undefined ? {} : { sort: query.sort }),
  };
}

/** The same query as a person would type it; `parseQuery` reads it back. */
export function formatQuery({ q, liveness, label, sort }: FleetQuery): string {
  return [
    ...(q === undefined ? [] : [needsName(q) ? quoted(`q=${q}`) : q]),
    ...(liveness === undefined ? [] : [`liveness=${liveness.join(",")}`]),
    ...(label ?? []).map((one) => quoted(`label=${one}`)),
    ...(sort === undefined ? [] : [`sort=${sort}`]),
  ].join(" ");
}

export function isSort(word: string): boolean {
  return sortWords.some((known) => word === known || word === `-${known}`);
}

/** Whether a text that is looked for would be read as something else without its name. */
function needsName(q: string): boolean {
  return /^\?|[="]|^\s|\s$|\s\s/.test(q);
}

function quoted(word: string): string {
  return /[\s"]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word;
}

/** Words, each by its name; those in double quotes may have spaces, and two quotes for one. */
function pairsOf(text: string): [name: string, value: string][] {
  const words = [...text.matchAll(/"((?:[^"]|"")*)"?|([^\s"]+)/g)].map(([, inQuotes, plain]) =>
    inQuotes?.replaceAll('""', '"') ?? plain ?? ""
  );
  return words.map((word) => {
    const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined || value === undefined ? ["q", word] : [name, value];
  });
}
