import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type AgentsQuery, listAgents } from "../../api/operator/agents.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { openOperator, type Operator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { answer, answerJson, warn } from "../../terminal/output.ts";
import { page } from "../../terminal/pager.ts";
import { terminalSize } from "../../terminal/screen.ts";
import { type CheckWord, checkWords, nagiosWords, usualWords } from "./_check.ts";
import { everyAgent, mostRows, timeOf } from "./_fleet_pages.ts";
import { type OperatorFlags, operatorOptions } from "./_options.ts";
import { isFiltered, linesOf, picture } from "./_picture.ts";
import { checkFleet, checkForNagios } from "./_run_check.ts";
import { sortWords } from "../../fleet/query.ts";
import { livenessWords } from "../../fleet/state.ts";
import { addLabelFilter, numberBetween } from "./_values.ts";
import { assertWatchable, watchFleet } from "./_watch.ts";

interface Flags extends OperatorFlags {
  liveness?: string[] | undefined;
  label?: string[] | undefined;
  search?: string | undefined;
  sort?: string | undefined;
  watch?: number | true | undefined;
  check?: CheckWord[] | true | undefined;
  nagios?: true | undefined;
}

const usualSeconds = 5;

const example = `
Signs: ✗ offline, ! stalled, ~ late, ✓ online, ? pending, - stopped, / revoked.
Late and offline follow from each agent's interval. Our own clients take it from the server; a client that beats at
an interval of its own has to be created with that one.

Examples:
  openclaw fleet
  openclaw fleet --liveness offline,late --label role:web --watch
  openclaw fleet --check --nagios
`;

/** Adds `openclaw fleet`: which agents are alive, the worst first. */
export function addFleet(program: Command, environment: Environment): void {
  const command = program.command("fleet")
    .description("show which agents are alive, the worst first, and what to do first")
    .addHelpText("after", example);
  for (const option of [...filterOptions(), ...modeOptions(), ...operatorOptions()]) {
    command.addOption(option);
  }
  command.action((flags: Flags) => fleet(flags, environment));
}

function filterOptions(): Option[] {
  return [
    new Option("--liveness <words>", `only these, with commas: ${livenessWords.join(", ")}`)
      .argParser((text) => parseWords(text, livenessWords)),
    new Option(
      "--label <key:value>",
      "only agents with this label, or with this key; repeated: with all of them",
    )
      .argParser(addLabelFilter),
    new Option("--search <text>", "only agents with this in their name or hostname").argParser(parseSearch),
    new Option(
      "--sort <order>",
      "trouble (the default), name, last_seen_at or created_at; - before it: descending",
    )
      .choices([...sortWords, ...sortWords.map((sort) => `-${sort}`)]),
  ];
}

function modeOptions(): Option[] {
  return [
    new Option("--watch [seconds]", "show it anew every 5 seconds, or as many, until q is pressed")
      .argParser(numberBetween(1, 3600)),
    new Option(
      "--check [words]",
      "exit with 1 when an agent is offline, stalled or unhealthy, or what is chosen with commas; muted ones do not count",
    ).argParser((text) => parseWords(text, checkWords)),
    new Option("--nagios", "check as a plugin of Nagios: its line, and 0, 1, 2 or 3"),
  ];
}

async function fleet(flags: Flags, environment: Environment): Promise<void> {
  assertTogether(flags);
  const query = queryOf(flags);
  const open = (): Promise<Operator> => openFleet(flags, environment);
  if (flags.nagios) return await checkForNagios(open, { query, words: wordsOf(flags.check, nagiosWords) });
  if (flags.watch !== undefined) assertWatchable(environment);
  const operator = await open();
  if (flags.check !== undefined) {
    const words = wordsOf(flags.check, usualWords);
    return await checkFleet(operator, { query, words, json: flags.json === true });
  }
  if (flags.watch !== undefined) {
    return await watch(operator, query, flags.watch === true ? usualSeconds : flags.watch);
  }
  if (flags.json) return answerJson(await everyAgent(operator, query));
  await show(operator, query, environment);
}

/** @throws {CliError} `usage` for flags of which one would do nothing */
function assertTogether({ watch, json, check, nagios, liveness }: Flags): void {
  const isCheck = check !== undefined || nagios === true;
  const refuse = (what: string, hint: string): never => {
    throw new CliError("usage", `Cannot show the fleet: ${what}`, { hint });
  };
  if (watch !== undefined && (json || isCheck)) {
    refuse(
      "--watch does not end with an answer, as --json, --check and --nagios do",
      "openclaw fleet --watch",
    );
  }
  if (nagios && json) refuse("--nagios and --json print different answers", "openclaw fleet --check --json");
  if (isCheck && liveness !== undefined) {
    refuse(
      "what a check looks for is chosen by --check, not by --liveness",
      "openclaw fleet --check=offline,late",
    );
  }
}

function wordsOf(check: Flags["check"], usual: readonly CheckWord[]): readonly CheckWord[] {
  return check === undefined || check === true ? usual : check;
}

async function openFleet(flags: Flags, environment: Environment): Promise<Operator> {
  const operator = await openOperator(flags, { environment, warn });
  await giveUp("fleet");
  return operator;
}

function queryOf({ liveness, label, search, sort }: Flags): AgentsQuery {
  return { liveness, labels: label, search, sort };
}

/** A screen at a time on a terminal, and all of it elsewhere. */
async function show(operator: Operator, query: AgentsQuery, environment: Environment): Promise<void> {
  const size = terminalSize();
  const isPaged = size !== null && Deno.stdin.isTerminal() && environment("TERM") !== "dumb";
  if (isPaged) return await page(linesOf(operator, query, size), size);
  const whole = await everyAgent(operator, query);
  const known = { ...whole, isFiltered: isFiltered(query), now: timeOf(whole) };
  for (const line of picture(known, size?.columns ?? null)) answer(line);
}

async function watch(operator: Operator, query: AgentsQuery, everySeconds: number): Promise<void> {
  await watchFleet(operator, {
    everySeconds,
    get: (rows, signal) => listAgents(operator, { ...query, limit: Math.min(mostRows, rows) }, { signal }),
    show: (one, { columns }) => picture({ ...one, isFiltered: isFiltered(query), now: timeOf(one) }, columns),
  });
}

function parseWords<Word extends string>(text: string, known: readonly Word[]): Word[] {
  return text.split(",").map((given) => {
    const word = known.find((one) => one === given.trim());
    if (word !== undefined) return word;
    throw new InvalidArgumentError(`Expected words of ${known.join(", ")}, with commas.`);
  });
}

function parseSearch(text: string): string {
  const length = [...text].length;
  if (length >= 1 && length <= 255) return text;
  throw new InvalidArgumentError("Expected 1 to 255 characters.");
}
