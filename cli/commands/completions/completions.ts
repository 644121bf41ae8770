import { delimiter, join } from "node:path";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "@commander-js/extra-typings";
import type { Command as PlainCommand } from "commander";
import { calledAs } from "../../terminal/called.ts";
import { answer } from "../../terminal/output.ts";
import { nameIn, secondName } from "../../host/names.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { isSomething } from "../../service/second_name.ts";
import { type Completed, completionScript } from "./_scripts.ts";
import { isCompiled } from "../../version.ts";

const examples = `
Examples:
  source <(openclaw completions bash)
  openclaw completions zsh > "\${fpath[1]}/_openclaw_agent"
  openclaw completions fish > ~/.config/fish/completions/openclaw-agent.fish
  openclaw completions powershell | Out-String | Invoke-Expression
`;

/**
 * Adds `openclaw completions <shell>`, which prints the shell's script, and the hidden `complete`, which that
 * script calls at every Tab. Both need every other command to be there already.
 */
export function addCompletions(program: Command, environment: Environment): void {
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
        const names = await completedNames(environment);
        await giveUp("completions");
        answer(completionScript(shell, names));
      });
  }
}

/** The name by which this program is called, and the second one where that is this program, too. */
async function completedNames(environment: Environment): Promise<Completed> {
  const isCalledSo = isCompiled && calledAs !== secondName;
  const word = isCalledSo ? calledAs : nameIn(environment);
  return isCompiled && await leadsHere(secondName, environment) ? [word, secondName] : [word];
}

/** Whether a shell that is given a name starts this program. */
async function leadsHere(name: string, environment: Environment): Promise<boolean> {
  for (const folder of (environment("PATH") ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (await isSomething(path)) {
      return await Deno.realPath(path) === await Deno.realPath(Deno.execPath());
    }
  }
  return false;
}
