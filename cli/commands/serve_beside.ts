import type { Command } from "@commander-js/extra-typings";
import { dirname, join } from "node:path";
import { AnsweredNo, CliError, failureWith } from "../terminal/errors.ts";
import { giveUp } from "../host/permissions.ts";

const windows = Deno.build.os === "windows";
const name = windows ? "openclaw-server.exe" : "openclaw-server";

const notes = `
The server is a program of its own, ${name}, which stands beside this one. Where it is there, "openclaw serve --help"
lists its options.

Example:
  openclaw serve --data /var/lib/openclaw-server --port 8080
`;

/** Adds `openclaw serve` to the program that has no server in it. */
export function addServeBeside(program: Command): void {
  program.command("serve")
    .description("run the whole backend, with openclaw-server beside this program")
    .addHelpText("after", notes)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_flags, command) => {
      await giveUp("serve beside");
      const child = start(["serve", "--until-stdin-ends", ...command.args]);
      if (child !== null) return await follow(child);
      if (command.args.some((arg) => arg === "--help" || arg === "-h")) return command.outputHelp();
      throw new CliError(
        "notFound",
        `Cannot start the server: it is a program of its own, and not at "${pathBeside()}"`,
        { hint: `put ${name} of the same release there` },
      );
    });
}

/** What an agent or an operator of this host knows is not for the server; an empty variable counts as unset. */
const hidden = {
  OPENCLAW_AGENT_ID: "",
  OPENCLAW_AGENT_SECRET: "",
  OPENCLAW_AGENT_SECRET_FILE: "",
  OPENCLAW_OPERATOR_KEY: "",
};

/** Null: it is not there. Its input ends with this process, however that ends, and the server with it. */
function start(args: string[]): Deno.ChildProcess | null {
  const options = { args, env: hidden, stdin: "piped", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(pathBeside(), options).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function pathBeside(): string {
  return join(dirname(Deno.execPath()), name);
}

/** Hands signals on; the server, which may get them from elsewhere too, takes them for one. */
async function follow(child: Deno.ChildProcess): Promise<void> {
  if (windows) {
    // A console tells all of its programs; handed on, the signal would end the server unasked.
    for (const signal of ["SIGINT", "SIGBREAK"] as const) Deno.addSignalListener(signal, () => undefined);
  } else {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => send(child, signal));
    }
  }
  const { code, signal } = await child.status;
  if (signal !== null) {
    throw new CliError("unexpected", `Cannot go on: the server was ended by ${signal}`, {
      hint: "openclaw serve",
    });
  }
  if (code !== 0) throw new AnsweredNo(failureWith(code));
}

function send(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // Deno's only way to say that it has ended.
    if (!(error instanceof TypeError)) throw error;
  }
}
