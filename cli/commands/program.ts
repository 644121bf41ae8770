import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { CliError, EndsWith, exitCodes, NegativeResult } from "../terminal/errors.ts";
import { asCalled, calledAs, repeatConnection, repeatName } from "../terminal/called.ts";
import {
  answer,
  holdWarnings,
  paint,
  releaseWarnings,
  say,
  setColours,
  takeWarnings,
} from "../terminal/output.ts";
import { flagIn, resolveName, useName } from "../host/names.ts";
import type { Environment } from "../host/paths.ts";
import { version } from "../version.ts";

/** Adds one command to the program. */
export type Add = (program: Command, environment: Environment) => void;

/** A command that is loaded when it is asked for. */
export interface Entry {
  name: string;
  summary: string;
  load: () => Promise<Add>;
  /** Help does not list it. */
  isHidden?: true;
  /** Describes all the others, so it is added after them. */
  describesAll?: true;
}

/** Runs one command and returns its exit code, of the closed list in errors.ts. */
export async function run(
  args: string[],
  entries: readonly Entry[],
  readEnvironment: () => Environment,
): Promise<number> {
  const own = ownArgs(args);
  const json = own.includes("--json");
  const asked = wordsOf(own);
  const name = asked[0] === "help" ? asked[1] : asked[0];
  if (json) holdWarnings();
  let program: Command | null = null;
  try {
    const environment = withName(args, readEnvironment());
    setColours(environment);
    // The scripts that complete what is typed ask for "complete", which describes every command.
    const inFull = (one: Entry): boolean => one.name === name || name === "complete";
    program = await makeProgram(entries, { inFull, json, environment });
    await program.parseAsync(plainHelp(args, program), { from: "user" });
    return exitCodes.done;
  } catch (error) {
    const command = program === null
      ? undefined
      : pathOf(asked[0] === "help" ? asked.slice(1) : asked, program);
    return report(error, { json, command, isPlugin: name === "fleet" && own.includes("--nagios") });
  } finally {
    releaseWarnings();
  }
}

/** The command that was asked for, as a person would type it; undefined where there is none of that name. */
function pathOf(asked: readonly string[], program: CommandUnknownOpts): string | undefined {
  const path: string[] = [];
  let command = program;
  for (const name of asked) {
    const next = command.commands.find((one) => one.name() === name);
    if (next === undefined) break;
    path.push(name);
    command = next;
  }
  return path.length === 0 ? undefined : path.join(" ");
}

/** The environment, with the word that names everything of ours on this host. */
function withName(args: string[], environment: Environment): Environment {
  const word = resolveName(args, environment);
  useName(word);
  repeatName(flagIn(args) === undefined ? null : word);
  repeatConnection("");
  return (name) => name === "OPENCLAW_NAME" ? word : environment(name);
}

/** The program: the commands that `inFull` picks in full, the others by name. */
export async function makeProgram(
  entries: readonly Entry[],
  { inFull, json, environment }: {
    inFull: (entry: Entry) => boolean;
    json: boolean;
    environment: Environment;
  },
): Promise<Command> {
  const program = new Command(calledAs)
    .description("heartbeats that can be trusted: which agents are alive, and nobody can fake it")
    .version(version)
    .option("--name <word>", "what the files and the service are called here (env: OPENCLAW_NAME)")
    .addHelpText("after", "\nExample:\n  openclaw configure && openclaw monitor\n")
    .configureOutput({
      writeOut: (text) => answer(asCalled(text).replace(/\n$/, "")),
      writeErr: (text) => json ? undefined : say(asCalled(text).replace(/\n$/, "")),
      outputError: (text, write) => write(text.replace(/^error:/, paint("red", "error:"))),
    })
    .exitOverride();
  const all = entries.some((entry) => entry.describesAll && inFull(entry));
  for (const entry of entries) {
    if (entry.describesAll && all) continue;
    if (all || entry.isHidden || inFull(entry)) (await entry.load())(program, environment);
    else program.command(entry.name).description(entry.summary);
  }
  for (const entry of entries) if (entry.describesAll && all) (await entry.load())(program, environment);
  return program;
}

/**
 * Makes "service install --help" of "help service install", and refuses help for what there is not. Commander shows
 * the last command that it knows of them.
 */
function plainHelp(args: string[], program: Command): string[] {
  const isWord = args[0] === "help" && args.length > 1;
  const asked = isWord ? [...args.slice(1), "--help"] : args;
  const own = ownArgs(asked);
  if (!own.some((arg) => arg === "--help" || arg === "-h")) return args;
  let command: CommandUnknownOpts = program;
  for (const name of wordsOf(own)) {
    if (command.commands.length === 0 || name === "help") break;
    const next = command.commands.find((one) => one.name() === name);
    if (next === undefined) return command.error(`error: unknown command '${name}'`);
    command = next;
  }
  return asked;
}

/** The exit code of a plugin that could not look. */
const unknownToNagios = 3;

/** The words that are neither a flag nor the value of `--name`, which may stand before the command. */
function wordsOf(args: string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--name");
}

/** What stands before "--": the rest is another program's. */
function ownArgs(args: string[]): string[] {
  return args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
}

/**
 * Says what went wrong, and returns the exit code for it. As a plugin of Nagios, whose 2 is CRITICAL, this is UNKNOWN
 * for whatever kept it from looking, in a line that Nagios shows.
 */
export function report(
  error: unknown,
  { json, command, isPlugin = false }: { json: boolean; command: string | undefined; isPlugin?: boolean },
): number {
  // Help and version that were asked for are no error.
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
  if (error instanceof EndsWith) return error.code;
  if (error instanceof NegativeResult) return exitCodes[error.failure];
  // The reader of the answer has read enough.
  if (error instanceof Deno.errors.BrokenPipe) return exitCodes.unexpected;
  const { failure, message, hint } = failureOf(error, command);
  const code = isPlugin ? unknownToNagios : exitCodes[failure];
  // Behind a bar, Nagios reads numbers.
  if (isPlugin) answer(`OPENCLAW UNKNOWN - ${message.replace(/[|\r\n]/g, "?")}`);
  if (json) {
    const warnings = takeWarnings();
    say(JSON.stringify({
      error: failure,
      message,
      hint,
      exit_code: code,
      ...(warnings.length === 0 ? {} : { warnings }),
    }));
    return code;
  }
  // Commander has said what is wrong already.
  if (!(error instanceof CommanderError)) say(`${paint("red", "error:")} ${message}`);
  if (hint !== undefined) say(`${paint("grey", "hint:")} ${hint}`);
  return code;
}

function failureOf(
  error: unknown,
  command: string | undefined,
): Pick<CliError, "failure" | "message" | "hint"> {
  if (error instanceof CliError) {
    const { failure, message } = error;
    return { failure, message, hint: error.hint ?? (failure === "usage" ? helpOf(command) : undefined) };
  }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, "");
    return { failure: "usage", message, hint: helpOf(command) };
  }
  return { failure: "unexpected", message: describe(error), hint: asCalled("openclaw doctor") };
}

function helpOf(command: string | undefined): string {
  return [calledAs, command, "--help"].filter(Boolean).join(" ");
}

/** An error and its causes in one line, without stacks. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}; because of ${describe(error.cause)}`;
}
