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

/**
 * A hint or a help text, in which "openclaw <command>" stands for a command of this program: it names it as called,
 * with the `--name` that was given.
 */
export function asCalled(text: string): string {
  return text.replace(/(?<![\w./@-]|deno task )openclaw(?= [a-z])/g, () => `${calledAs}${nameFlag}`);
}
