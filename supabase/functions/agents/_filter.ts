import { type AgentsFilter, livenessWords } from "../_shared/database/port.ts";
import { badField, parseText } from "../_shared/http/fields.ts";
import { parseWords } from "../_shared/http/pages.ts";

const mostLabels = 32;
const labelKey = /^[a-z0-9._-]{1,63}$/;

/** The agents that a query asks for, by `liveness`, `label` and `q`. */
export function parseFilter(query: URLSearchParams): AgentsFilter {
  const search = query.get("q");
  const labels = query.getAll("label");
  if (labels.length > mostLabels) throw badField("label", `is there more than ${mostLabels} times`);
  return {
    liveness: parseWords(query, "liveness", livenessWords),
    labels: labels.map(parseLabel),
    search: search === null ? null : parseText(search, "q", { shortest: 1, longest: 255 }),
  };
}

/** The key of a label. */
export function parseLabelKey(text: string, name: string): string {
  if (labelKey.test(text)) return text;
  throw badField(name, `is not the key of a label, ${labelKey.source.slice(1, -1)}`);
}

/** `key`, whatever its value, or `key:value`; a colon may be in the value. */
function parseLabel(text: string): AgentsFilter["labels"][number] {
  const [, key = "", value] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (!labelKey.test(key)) {
    throw badField(
      "label",
      "has a key that is not [a-z0-9._-]{1,63}, expected a key, or a key, a colon and a value",
    );
  }
  return { key, value: value === undefined ? null : parseText(value, "label", { longest: 255 }) };
}
