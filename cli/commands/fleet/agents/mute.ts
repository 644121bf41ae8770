import { type Command, Option } from "@commander-js/extra-typings";
import { patchAgent } from "../../../api/operator/agents.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { CliError } from "../../../terminal/errors.ts";
import type { OperatorFlags } from "../_options.ts";
import { parseMoment, secondsBetween } from "../_values.ts";
import { actOnEach } from "./_many.ts";
import { addOptions, openContext, type SelectionFlags, selectionOptions } from "./_options.ts";
import { selectAgents } from "./_pick.ts";

type Flags = OperatorFlags & SelectionFlags & { for?: number; until?: Date; off?: true };

const longest = 366 * 86_400;
const example = `
A muted agent is watched as before. It opens no incident, and fleet --check passes it over.

Examples:
  openclaw agents mute web-1 --for 2h
  openclaw agents mute --label rack:4 --until 2026-12-01T08:00
  openclaw agents mute --all --off
`;

/** Adds `openclaw agents mute`. */
export function addMute(agents: Command, environment: Environment): void {
  const command = agents.command("mute")
    .description("keep agents from raising an alarm for a time")
    .argument("[agent...]", "their names or ids")
    .addHelpText("after", example);
  addOptions(
    command,
    new Option("--for <time>", "for so long, such as 2h").argParser(secondsBetween(1, longest)),
    new Option("--until <time>", "until then, such as 2026-12-01T08:00, by this host's clock and zone")
      .argParser(
        parseMoment,
      ),
    new Option("--off", "no longer"),
    ...selectionOptions(),
  );
  command.action((names, flags: Flags) => mute(names, flags, environment));
}

async function mute(names: string[], flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  const until = mutedUntil(flags, new Date());
  const context = await openContext(flags, environment);
  const selection = await selectAgents(names, flags, context);
  await actOnEach(selection, {
    verb: until === null ? "unmute" : "mute",
    done: until === null ? "unmuted" : `muted until ${until},`,
    perform: (agent) => patchAgent(context.operator, agent.id, { muted_until: until }),
  }, context);
}

/** The end of the mute as the service takes it; null where it is taken away. */
function mutedUntil({ for: seconds, until, off }: Flags, now: Date): string | null {
  const given = [seconds, until, off].filter((one) => one !== undefined).length;
  if (given !== 1) {
    throw new CliError("usage", "Cannot mute: exactly one of --for, --until and --off is expected", {
      hint: "openclaw agents mute web-1 --for 2h",
    });
  }
  if (off) return null;
  const end = until ?? new Date(now.getTime() + (seconds ?? 0) * 1000);
  if (end <= now) {
    throw new CliError("usage", `Cannot mute until ${end.toISOString()}: that is over`, {
      hint: "openclaw agents mute web-1 --for 2h",
    });
  }
  return end.toISOString().replace(/\.\d+Z$/, "Z");
}
