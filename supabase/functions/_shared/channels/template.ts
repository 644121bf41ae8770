/** Which characters of a value would be read as markup by the receiver. */
export type Escape = "none" | "markdown" | "entities";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What the names of a template stand for. */
export type Values = Readonly<Record<string, Json>>;

const name = /\{([a-z_]+)\}/g;

/**
 * A template with its names replaced, once: what a value holds is never read as a template. A string that is one name
 * becomes the value itself; in any other string the values are text, and escaped as the receiver needs it.
 *
 * @throws {TypeError} for a name without a value: a fault of the template
 */
export function render(template: Json, values: Values, escape: Escape): Json {
  if (typeof template === "string") return renderText(template, values, escape);
  if (Array.isArray(template)) return template.map((part) => render(part, values, escape));
  if (typeof template !== "object" || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, part]) => [key, render(part, values, escape)]),
  );
}

function renderText(text: string, values: Values, escape: Escape): Json {
  const whole = /^\{([a-z_]+)\}$/.exec(text)?.[1];
  if (whole !== undefined) {
    const value = valueOf(whole, values);
    return typeof value === "string" ? escaped(value, escape) : value;
  }
  return text.replace(name, (_, key: string) => escaped(String(valueOf(key, values)), escape));
}

/** An address or a header with the settings in it, each encoded as one part of a path where `encode` says so. */
export function renderPlain(text: string, values: Values, encode: (value: string) => string): string {
  return text.replace(name, (_, key: string) => encode(String(valueOf(key, values))));
}

function valueOf(key: string, values: Values): Json {
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  if (value === undefined) throw new TypeError(`the template names "${key}", which has no value`);
  return value;
}

/** What the receiver would take for markup, a mention or a link, as plain text. */
function escaped(value: string, escape: Escape): string {
  if (escape === "entities") {
    return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  }
  return escape === "markdown" ? value.replace(/[\\`*_~|>[\]()<#@:-]/g, "\\$&") : value;
}
