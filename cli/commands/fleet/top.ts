import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type FleetQuery, parseQuery } from "../../fleet/query.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import type { ConnectionFlags } from "../../identity/setup.ts";
import { openOperator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { warn } from "../../terminal/output.ts";
import { connectionOptions } from "../agent/_options.ts";
import { runTop } from "./top/_run.ts";

interface Flags extends ConnectionFlags {
  group?: string | undefined;
}

const example = `
A filter is one or more words: a part of a name or hostname, or liveness=offline,late label=role:web sort=-name.
Each key that acts says what it will do, and asks first. The key ? shows all keys.

Examples:
  openclaw top
  openclaw top web liveness=offline,late
  openclaw top label=role:web --group site
`;

/** Adds `openclaw top`: the whole fleet, live, on a terminal. */
export function addTop(program: Command, environment: Environment): void {
  const command = program.command("top")
    .description("show the whole fleet live, and act on it by keys")
    .argument("[filter...]", "only these agents, as with the key /")
    .addHelpText("after", example);
  command.addOption(
    new Option("--group <key>", "group the map by the label with this key").argParser(parseGroup),
  );
  for (const option of connectionOptions()) command.addOption(option);
  command.action((words, flags: Flags) => top(words, flags, environment));
}

async function top(words: string[], flags: Flags, environment: Environment): Promise<void> {
  const query = queryOf(words);
  const operator = await openOperator(flags, { environment, warn });
  await giveUp("top");
  assertTerminal(environment);
  await runTop(operator, { query, group: flags.group ?? null, environment });
}

/** Each argument is a word, whatever spaces it has. */
function queryOf(words: readonly string[]): FleetQuery {
  const text = words.length === 1 && words[0]?.startsWith("?")
    ? words[0]
    : words.map((word) => /[\s"]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word).join(" ");
  const query = parseQuery(text);
  if (typeof query !== "string") return query;
  throw new CliError("usage", `Cannot look for these agents: ${query}`, {
    hint: "openclaw top web liveness=offline,late label=role:web sort=name",
  });
}

/** @throws {CliError} `usage` where nothing can be drawn, or no key can be read */
function assertTerminal(environment: Environment): void {
  const refuse = (what: string, hint: string): never => {
    throw new CliError("usage", `Cannot show the fleet live: ${what}`, { hint });
  };
  if (!Deno.stdout.isTerminal()) refuse("stdout is not a terminal", "openclaw fleet --json");
  if (environment("TERM") === "dumb") refuse("the terminal is dumb (TERM=dumb)", "openclaw fleet");
  if (!Deno.stdin.isTerminal()) {
    refuse("stdin is not a terminal, from which keys are read", "openclaw fleet --watch");
  }
}

function parseGroup(key: string): string {
  if (/^[a-z0-9._-]{1,63}$/.test(key)) return key;
  throw new InvalidArgumentError("Expected the key of a label: a-z, 0-9, '.', '_' and '-'.");
}
