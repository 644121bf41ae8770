/** What of the fleet is shown, as the address of the page has it. */
export interface Filters {
  q: string;
  liveness: string[];
  /** `key`, or `key:value`; all of them have to fit. */
  label: string[];
  /** The label by which the map and the list are ordered; empty: by name only. */
  group: string;
}

/** Reads the query of an address. What is not known in it is passed over. */
export function parseFilters(search: string): Filters {
  const query = new URLSearchParams(search);
  return {
    q: (query.get("q") ?? "").slice(0, 255),
    liveness: (query.get("liveness") ?? "").split(",").filter((word) => /^[a-z]+$/.test(word)),
    label: query.getAll("label").filter((label) => /^[a-z0-9._-]{1,63}(:|$)/.test(label)),
    group: /^[a-z0-9._-]{1,63}$/.exec(query.get("group") ?? "")?.[0] ?? "",
  };
}

/** The query for the address, the map, the list and the stream; empty where nothing is filtered. */
export function formatFilters({ q, liveness, label, group }: Filters): string {
  const query = new URLSearchParams();
  if (q !== "") query.set("q", q);
  if (liveness.length > 0) query.set("liveness", liveness.join(","));
  for (const one of label) query.append("label", one);
  if (group !== "") query.set("group", group);
  return query.toString();
}

/** A list with the word in it, or without it if it was there. */
export function toggled(words: readonly string[], word: string): string[] {
  return words.includes(word) ? words.filter((other) => other !== word) : [...words, word];
}
