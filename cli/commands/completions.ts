import tab from "@bomb.sh/tab/commander";
import type { Command } from "@commander-js/extra-typings";
import type { Command as PlainCommand } from "commander";

/**
 * Adds `openclaw completions <shell>`, which prints the shell's script, and the hidden `complete`, which that
 * script calls at every Tab. Both need every other command to be there already.
 */
export function addCompletions(program: Command): void {
  // The same object under its stricter typings, which the plain ones do not take.
  tab(program as unknown as PlainCommand, { completionCommandName: "completions" });
  program.commands.find((command) => command.name() === "completions")
    ?.description("print the completion script of a shell")
    .addHelpText(
      "after",
      "\nExamples:\n  source <(openclaw completions bash)\n  openclaw completions fish > ~/.config/fish/completions/openclaw.fish\n",
    );
}
