import { basename } from "node:path";
import process from "node:process";
import { isCompiled } from "../version.ts";

/** How this process was started, as a person would type it again. */
export const calledAs: string = isCompiled
  ? basename(process.argv0).replace(/\.exe$/i, "")
  : "deno task openclaw";

let nameFlag = "";

/** Has every command that is shown repeat the `--name` that was given; null: none was. */
export function repeatName(word: string | null): void {
  nameFlag = word === null ? "" : ` --name ${word}`;
}

let connectionFlags = "";

/** Has every command that is shown, and that asks a server, ask the one of these flags; empty: none were given. */
export function repeatConnection(flags: string): void {
  connectionFlags = flags;
}

/** Those that take the flags, unless the text goes on to name a server itself. */
const asking =
  /(?<![\w./@-]|deno task )openclaw (?:(?:agents|channels|enrollments|reader-keys|incidents) [a-z-]+|fleet|top|dashboard|login|logout|status|doctor)(?![\w-])(?![^,;]*--url)/g;

/**
 * A hint or a help text, in which "openclaw <command>" stands for a command of this program: it names it as called,
 * with the `--name` and the server that were given.
 */
export function asCalled(text: string): string {
  return text.replace(asking, (command) => `${command}${connectionFlags}`)
    .replace(/(?<![\w./@-]|deno task )openclaw(?= [a-z])/g, () => `${calledAs}${nameFlag}`);
}
