/** A JSON object whose fields are not checked yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** The object that a text holds as JSON, or null when it holds anything else. A BOM before it is skipped. */
export function parseObject(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(withoutMark(text));
    return asObject(value);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A text without the mark that editors of Windows put before UTF-8 (BOM). */
export function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

export function asObject(value: unknown): Fields | null {
  return isFields(value) ? value : null;
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Whether it is a number of seconds that a server may send. */
export function isDuration(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
