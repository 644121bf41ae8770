import { isErrno } from "../terminal/errors.ts";
import type { Place } from "./layout.ts";

/** What every unit, plist and task that this program writes says of itself, in a place of its own. */
export const mark = "Written by openclaw service install. openclaw service uninstall removes it.";

// An XML comment may have no two hyphens.
const marks = [
  mark,
  "Written by openclaw. The installer's --uninstall removes it.",
  "Written by openclaw. The installer's -uninstall option removes it.",
];

/**
 * Whether this program or one of its installers wrote a definition: its first line says so exactly, in a plist the
 * one below the declaration, in a task the description. That another program's name begins like ours is no such sign.
 */
export function isMarked(text: string, os: Place["os"]): boolean {
  if (os === "windows") {
    const description = /<Description>([^<]*)<\/Description>/.exec(text)?.[1];
    return description !== undefined && marks.includes(description.replaceAll("&apos;", "'"));
  }
  const [first, second] = text.split("\n");
  return marks.some((words) => os === "linux" ? first === `# ${words}` : second === `<!-- ${words} -->`);
}

/** The text of the definition at a place; null when there is none, "" when it is a link to nothing. */
export async function readDefinition({ unit }: Pick<Place, "unit">): Promise<string | null> {
  try {
    return decode(await Deno.readFile(unit));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !isErrno(error, "ENOTDIR")) throw error;
  }
  try {
    await Deno.lstat(unit);
    return "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
}

/** A definition as it is stored: the Windows scheduler takes UTF-16 whatever the language of the host is. */
export function encodeDefinition(text: string, isWide: boolean): Uint8Array<ArrayBuffer> {
  if (!isWide) return new TextEncoder().encode(text);
  const wide = `\ufeff${text.replaceAll("\n", "\r\n")}`;
  const bytes = new DataView(new ArrayBuffer(wide.length * 2));
  for (let index = 0; index < wide.length; index++) bytes.setUint16(index * 2, wide.charCodeAt(index), true);
  return new Uint8Array(bytes.buffer);
}

function decode(bytes: Uint8Array): string {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isWide ? "utf-16le" : "utf-8").decode(bytes);
}
