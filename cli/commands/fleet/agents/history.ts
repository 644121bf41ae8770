import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import process from "node:process";
import { getHistory } from "../../../api/operator/history.ts";
import { parseDuration } from "../../../host/duration.ts";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { CliError } from "../../../terminal/errors.ts";
import { answer, answerJson, say } from "../../../terminal/output.ts";
import type { OperatorFlags } from "../_options.ts";
import { unwrap } from "../_outcome.ts";
import { momentOf } from "../_values.ts";
import { historyLines } from "./_history_lines.ts";
import { addOptions, openContext } from "./_options.ts";
import { pickAgent } from "./_pick.ts";

type Flags = OperatorFlags & { from?: Date; to?: Date; step?: number };

const steps = [60, 900, 3600, 86_400];
const dayMs = 24 * 60 * 60 * 1000;

const example = `
A day is one line of blocks. Below it are the gaps: when nothing came from the agent, and why.

Examples:
  openclaw agents history web-1
  openclaw agents history web-1 --from 30d --step 1h
  openclaw agents history web-1 --from 2026-12-01T08:00 --to 2026-12-01T10:00 --step 1m
`;

/** Adds `openclaw agents history`. */
export function addHistory(agents: Command, environment: Environment): void {
  const command = agents.command("history")
    .description("show when an agent beat, how it was, and why it was silent")
    .argument("<agent>", "its name or id")
    .addHelpText("after", example);
  addOptions(
    command,
    new Option("--from <time>", "since then: a time, or how long ago (default: 1d before --to)")
      .argParser(parsePast),
    new Option("--to <time>", "until then, likewise (default: now)").argParser(parsePast),
    new Option("--step <time>", "how long a block's part is: 1m, 15m, 1h or 1d (default: 15m)").argParser(
      parseStep,
    ),
  );
  command.action((name, flags: Flags) => tell(name, flags, environment));
}

async function tell(name: string, flags: Flags, environment: Environment): Promise<void> {
  await giveUp("agents");
  const to = flags.to ?? new Date();
  const from = flags.from ?? new Date(to.getTime() - dayMs);
  if (from >= to) {
    throw new CliError("usage", "Cannot show this time: --from is not before --to", {
      hint: "openclaw agents history --help",
    });
  }
  const context = await openContext(flags, environment);
  const agent = await pickAgent(name, context);
  const stepSeconds = flags.step ?? 900;
  const history = unwrap(
    await getHistory(context.operator, agent.id, { from, to, stepSeconds }),
    context.operator,
  );
  if (context.json) return answerJson(history);
  if (history.buckets.length === 0) {
    return say("there is no history: OPENCLAW_HISTORY_DAYS is 0 at the server");
  }
  const columns = process.stdout.isTTY ? process.stdout.columns : null;
  for (const line of historyLines(agent, { ...history, to, stepSeconds }, columns)) answer(line);
}

/** A time, or how long ago it was. */
function parsePast(text: string): Date {
  const seconds = parseDuration(text);
  const time = seconds === null ? momentOf(text) : new Date(Date.now() - seconds * 1000);
  if (time !== null) return time;
  throw new InvalidArgumentError(
    "Expected a time such as 2026-12-01T08:00, or how long ago it was: 2h or 7d.",
  );
}

function parseStep(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== null && steps.includes(seconds)) return seconds;
  throw new InvalidArgumentError("Expected 1m, 15m, 1h or 1d.");
}
