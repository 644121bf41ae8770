import type { Command } from "@commander-js/extra-typings";
import type { Environment } from "../../../host/paths.ts";
import { giveUp } from "../../../host/permissions.ts";
import { answer, answerJson } from "../../../terminal/output.ts";
import type { OperatorFlags } from "../_options.ts";
import { factLines } from "./_facts.ts";
import { addOptions, openContext } from "./_options.ts";
import { pickAgent } from "./_pick.ts";

/** Adds `openclaw agents show`. */
export function addShow(agents: Command, environment: Environment): void {
  const command = agents.command("show")
    .description("show everything that is known of one agent")
    .argument("<agent>", "its name or id")
    .addHelpText("after", "\nExample:\n  openclaw agents show web-1\n");
  addOptions(command);
  command.action((name, flags: OperatorFlags) => show(name, flags, environment));
}

async function show(name: string, flags: OperatorFlags, environment: Environment): Promise<void> {
  await giveUp("agents");
  const context = await openContext(flags, environment);
  const agent = await pickAgent(name, context);
  if (context.json) answerJson(agent);
  else for (const line of factLines(agent)) answer(line);
}
