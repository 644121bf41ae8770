import { type Command, Option } from "@commander-js/extra-typings";
import { type Agent, type AgentChanges, patchAgent } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { CliError } from "../../../terminal/errors.ts";
import type { OperatorFlags } from "../_options.ts";
import { addLabel, nameFault, secondsBetween, secondsOrNone } from "../_values.ts";
import { actOnEach } from "./_many.ts";
import { addOptions, openContext, type SelectionFlags, selectionOptions } from "./_options.ts";
import { selectAgents } from "./_pick.ts";

type Flags = OperatorFlags & SelectionFlags & {
  rename?: string;
  setLabel?: Record<string, string>;
  removeLabel?: string[];
  interval?: number;
  progressDeadline?: number | "none";
};

const example = `
Labels that are not named stay as they are.

Examples:
  openclaw agents edit web-1 --rename web-01 --set-label role:web
  openclaw agents edit --label role:web --interval 30s
`;

/** Adds `openclaw agents edit`. */
export function addEdit(agents: Command, environment: Environment): void {
  const command = agents.command("edit")
    .description("change the name, the labels or the times of agents")
    .argument("[agent...]", "their names or ids")
    .addHelpText("after", example);
  addOptions(
    command,
    new Option("--rename <name>", "call one agent so"),
    new Option("--set-label <key:value>", "give them this label; repeated for more").argParser(addLabel),
    new Option("--remove-label <key>", "take the label with this key away; repeated for more").argParser(
      (key: string, keys: string[] = []) => [...keys, key],
    ),
    new Option("--interval <time>", "how often they beat, 5s to 1d").argParser(secondsBetween(5, 86_400)),
    new Option("--progress-deadline <time>", "how long their work may stand still, 10s to 7d, or none")
      .argParser(
        secondsOrNone(10, 604_800),
      ),
    ...selectionOptions(),
  );
  command.action((names, flags: Flags) => edit(names, flags, environment));
}

async function edit(names: string[], flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  assertChanges(flags);
  const context = await openContext(flags, environment);
  const selection = await selectAgents(names, flags, context);
  if (flags.rename !== undefined && selection.agents.length > 1) {
    throw new CliError("usage", `Cannot call ${selection.words} by one name`, {
      hint: "openclaw agents edit <id> --rename <name>",
    });
  }
  await actOnEach(selection, {
    verb: "edit",
    done: "edited",
    perform: (agent) => patchAgent(context.operator, agent.id, changesOf(agent, flags)),
  }, context);
}

function assertChanges({ rename, setLabel, removeLabel, interval, progressDeadline }: Flags): void {
  if ([rename, setLabel, removeLabel, interval, progressDeadline].every((one) => one === undefined)) {
    throw new CliError("usage", "Cannot edit: nothing to change is given", {
      hint: "openclaw agents edit --help",
    });
  }
  const fault = rename === undefined ? null : nameFault(rename);
  if (fault !== null) {
    throw new CliError("usage", `Cannot call an agent so: ${fault}`, { hint: "--rename web-1" });
  }
}

/** The service takes labels as a whole: those that the agent has are sent along. */
function changesOf(
  agent: Agent,
  { rename, setLabel, removeLabel, interval, progressDeadline }: Flags,
): AgentChanges {
  const kept = Object.entries(agent.labels).filter(([key]) => !(removeLabel ?? []).includes(key));
  const labels = { ...Object.fromEntries(kept), ...setLabel };
  return {
    ...(rename === undefined ? {} : { name: rename }),
    ...(setLabel === undefined && removeLabel === undefined ? {} : { labels }),
    ...(interval === undefined ? {} : { heartbeat_interval_seconds: interval }),
    ...(progressDeadline === undefined
      ? {}
      : { progress_deadline_seconds: progressDeadline === "none" ? null : progressDeadline }),
  };
}
