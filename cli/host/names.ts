import { CliError } from "../terminal/errors.ts";
import type { Environment } from "./environment.ts";
import { isCompiled } from "../version.ts";

/** The word for our program, service, user and folders on a host, unless `--name` or `OPENCLAW_NAME` has another. */
export const defaultName = "openclaw-agent";
/** The short word, which other programs have too: ours only as a link to our program. */
export const secondName = "openclaw";

/** Every name that a service of ours has on a host. */
export interface Names {
  /** The program's file, the dynamic user, the task, and the folder under each of the host's places. */
  word: string;
  unit: string;
  label: string;
}

/** The names that stand for one word in every place. */
export function namesOf(word: string): Names {
  const label = "dev.openclaw.agent";
  return { word, unit: `${word}.service`, label: word === defaultName ? label : `${label}.${word}` };
}

let current = defaultName;

/** Has the whole process take a word for the system's service: set once, at the start. */
export function useName(word: string): void {
  current = word;
}

/** The state folder of the system's service on Linux. */
export function serviceFolder(word = current): string {
  return `/var/lib/${word}`;
}

/** The word of this host: see `resolveName`, which put it into the environment. */
export function nameIn(environment: Environment): string {
  return environment("OPENCLAW_NAME") ?? defaultName;
}

/**
 * The word that a run of the program works with: `--name`, then `OPENCLAW_NAME`, then the name of the program's file.
 *
 * @throws {CliError} `usage` for a word that cannot be one
 */
export function resolveName(args: string[], environment: Environment): string {
  const flag = flagIn(args);
  const [given, from] = flag === undefined
    ? [environment("OPENCLAW_NAME"), "OPENCLAW_NAME"]
    : [flag, "--name"];
  if (given === undefined) return isCompiled ? nameOfFile(Deno.execPath()) : defaultName;
  if (isName(given)) return given;
  const fault = given === secondName
    ? "other programs are called so"
    : "expected a letter, then at most 30 of a-z, 0-9 and -, in lower case";
  throw new CliError("usage", `Cannot use the name "${given}" of ${from}: ${fault}`, {
    hint: "--name fleet-agent",
  });
}

/**
 * The word of an installed program, from its file. A program anywhere else may be called anything: a download, a build
 * and a release have names that nobody gave it as a word.
 */
export function nameOfFile(path: string): string {
  const [folder = "", file = ""] = path.split(/[/\\]/).slice(-2);
  const word = file.replace(/\.exe$/i, "");
  const isInstalled = /\/(usr\/local|\.local)\/bin\/[^/]+$/.test(path) ||
    (/\.exe$/i.test(file) && folder === word);
  return isInstalled && isName(word) && word !== "openclaw-server" ? word : defaultName;
}

function isName(word: string): boolean {
  return /^[a-z][a-z0-9-]{0,30}$/.test(word) && word !== secondName;
}

/** The word that a command line gives by `--name`. */
export function flagIn(args: string[]): string | undefined {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const index = own.findLastIndex((arg) => arg === "--name" || arg.startsWith("--name="));
  return own[index] === "--name" ? own[index + 1] : own[index]?.slice("--name=".length);
}
