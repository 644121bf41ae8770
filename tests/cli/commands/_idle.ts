import type { Command, CommandUnknownOpts } from "@commander-js/extra-typings";
import { allEntries } from "../../../cli/commands/entries.ts";
import { makeProgram } from "../../../cli/commands/program.ts";

/** The program with all of its commands, of which none does anything but to tell that it was asked. */
export async function idle(asked: (path: string) => void): Promise<Command> {
  const program = await makeProgram(allEntries, {
    inFull: () => true,
    json: true,
    environment: () => undefined,
  });
  for (const command of leavesOf(program)) command.action(() => asked(pathOf(command)));
  return program;
}

/** Reads a command line and does nothing. Rejects with what the program would print as a usage error. */
export async function understand(words: string[]): Promise<string[]> {
  const asked: string[] = [];
  const program = await idle((path) => asked.push(path));
  await program.parseAsync(words, { from: "user" });
  return asked;
}

export function everyCommand(program: CommandUnknownOpts): CommandUnknownOpts[] {
  // What the shells' scripts ask for is nobody's to type.
  const shown = program.commands.filter((command) => command.name() !== "complete");
  return [program, ...shown.flatMap(everyCommand)];
}

export function leavesOf(program: CommandUnknownOpts): CommandUnknownOpts[] {
  return everyCommand(program).filter(({ commands }) => commands.length === 0);
}

export function pathOf(command: CommandUnknownOpts): string {
  return command.parent === null ? "" : `${pathOf(command.parent)} ${command.name()}`.trim();
}
