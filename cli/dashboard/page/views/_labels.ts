/** "site:Linz" on each line, or between commas, as the labels that they are. */
export function parseLabels(text: string, separator = /[,\n]/): Record<string, string> {
  const pairs = text.split(separator).map((part) => part.trim()).filter((part) => part !== "");
  return Object.fromEntries(pairs.map((pair) => {
    const [key = "", ...value] = pair.split(":");
    return [key.trim(), value.join(":").trim()];
  }));
}

/** The same labels with one on each line, which a value cannot end. */
export function linesOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => `${key}:${value}`).join("\n");
}
