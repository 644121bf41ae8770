import tab from "@bomb.sh/tab/commander";
import type { Command } from "@commander-js/extra-typings";
import type { Command as PlainCommand } from "commander";
import { answer } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import { completionScripts } from "./_scripts.ts";

const examples = `
Examples:
  source <(openclaw completions bash)
  openclaw completions zsh > "\${fpath[1]}/_openclaw"
  openclaw completions fish > ~/.config/fish/completions/openclaw.fish
  openclaw completions powershell | Out-String | Invoke-Expression
`;

/**
 * Adds `openclaw completions <shell>`, which prints the shell's script, and the hidden `complete`, which that
 * script calls at every Tab. Both need every other command to be there already.
 */
export function addCompletions(program: Command): void {
  // The same object under its stricter typings, which the plain ones do not take.
  const plain = program as unknown as PlainCommand;
  tab(plain, { completionCommandName: "completions" });
  for (const command of plain.commands) {
    if (command.name() === "complete") command.hook("preAction", () => giveUp("completions"));
    if (command.name() !== "completions") continue;
    command.description("print the completion script of a shell")
      .addHelpText("after", examples)
      // The package's own scripts evaluate what is typed.
      .action(async (shell: string) => {
        await giveUp("completions");
        answer(completionScripts.get(shell) ?? "");
      });
  }
}
