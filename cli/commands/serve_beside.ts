import type { Command } from "@commander-js/extra-typings";
import { dirname, join } from "node:path";
import { AnsweredNo, CliError, failureWith } from "../errors.ts";

const windows = Deno.build.os === "windows";
const name = windows ? "openclaw-server.exe" : "openclaw-server";

/** Adds `openclaw serve` to the program that has no server in it. */
export function addServeBeside(program: Command): void {
  program.command("serve")
    .description("run the whole backend, with openclaw-server beside this program")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_flags, command) => await serveBeside(command.args));
}

async function serveBeside(args: string[]): Promise<void> {
  const child = start(["serve", ...args]);
  const stops: Deno.Signal[] = windows ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of stops) Deno.addSignalListener(signal, () => child.kill(windows ? "SIGTERM" : signal));
  const { code } = await child.status;
  if (code !== 0) throw new AnsweredNo(failureWith(code));
}

function start(args: string[]): Deno.ChildProcess {
  const path = join(dirname(Deno.execPath()), name);
  try {
    return new Deno.Command(path, { args, stdin: "inherit", stdout: "inherit", stderr: "inherit" }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CliError(
      "notFound",
      `Cannot start the server: it is a program of its own, and not at "${path}"`,
      {
        hint: `put ${name} of the same release there`,
        cause: error,
      },
    );
  }
}
