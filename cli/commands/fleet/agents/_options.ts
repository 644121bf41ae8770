import { type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { Shell } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { openOperator, type Operator } from "../../../operator/operator.ts";
import { warn } from "../../../terminal/output.ts";
import { type OperatorFlags, operatorOptions } from "../_options.ts";
import { addLabel, addLabelFilter, secondsBetween } from "../_values.ts";

/** Which agents: names or ids as arguments, else these. */
export interface SelectionFlags {
  label?: string[] | undefined;
  all?: true | undefined;
}

export interface YesFlag {
  yes?: true | undefined;
}

/** How a secret gets to its host. */
export interface HandOverFlags {
  installer?: Shell | undefined;
  output?: string | undefined;
}

/** How an agent beats. */
export interface BeatFlags {
  interval?: number | undefined;
  progressDeadline?: number | undefined;
}

/** What every command works with. */
export interface Context {
  operator: Operator;
  environment: Environment;
  /** One object is the whole answer, and nothing is said beside it. */
  json: boolean;
}

export async function openContext(flags: OperatorFlags, environment: Environment): Promise<Context> {
  return {
    operator: await openOperator(flags, { environment, warn }),
    environment,
    json: flags.json === true,
  };
}

export function addOptions(command: CommandUnknownOpts, ...options: Option[]): void {
  for (const option of [...options, ...operatorOptions()]) command.addOption(option);
}

export function selectionOptions(): Option[] {
  return [
    new Option(
      "--label <key:value>",
      "the agents with this label, or with this key; repeated: with all of them",
    )
      .argParser(addLabelFilter),
    new Option("--all", "all agents"),
  ];
}

export function yesOption(): Option {
  return new Option("--yes", "do not ask");
}

export function handOverOptions(): Option[] {
  return [
    new Option("--installer <shell>", "for a host with this: bash (the default), powershell or python")
      .choices(
        ["bash", "powershell", "python"],
      ),
    new Option("--output <folder>", "write an installer for each agent into this folder, mode 0600"),
  ];
}

export function labelsOption(what = "a label of theirs; repeated for more"): Option {
  return new Option("--label <key:value>", what).argParser(addLabel);
}

export function beatOptions(): Option[] {
  return [
    new Option("--interval <time>", "how often they beat, 5s to 1d (default: 60s)").argParser(
      secondsBetween(5, 86_400),
    ),
    new Option("--progress-deadline <time>", "how long their work may stand still, 10s to 7d").argParser(
      secondsBetween(10, 604_800),
    ),
  ];
}
