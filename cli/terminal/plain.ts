import { widthOf } from "./table.ts";

type Environment = (name: string) => string | undefined;

/** Whether the terminal shows UTF-8, as the locale says; systems without such a locale do. */
export function showsUtf8(environment: Environment, os: typeof Deno.build.os): boolean {
  const locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG");
  if (locale === undefined) return os === "windows" || os === "darwin";
  return /utf-?8/i.test(locale);
}

const signs: Record<string, string> = {
  "✗": "x",
  "✓": "+",
  "·": ".",
  "…": ">",
  "→": ">",
  "—": "-",
  "▸": ">",
};
const characters = new Intl.Segmenter();

/** The same line in ASCII and as wide: signs that have a like one, and "?" for every other. */
export function plainLine(line: string): string {
  // deno-lint-ignore no-control-regex -- all of ASCII
  if (/^[\u0000-\u007f]*$/.test(line)) return line;
  let plain = "";
  for (const { segment } of characters.segment(line)) {
    // deno-lint-ignore no-control-regex -- the same
    const isAscii = /^[\u0000-\u007f]*$/.test(segment);
    plain += isAscii ? segment : signs[segment] ?? "?".repeat(widthOf(segment));
  }
  return plain;
}
