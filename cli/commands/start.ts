import { userInfo } from "node:os";
import { answer } from "../terminal/output.ts";
import type { Entry } from "./program.ts";
import { version } from "../version.ts";

/**
 * Runs the program and returns its exit code. Who only asks for the version does not wait for the rest to load.
 */
export async function start(args: string[], entries: readonly Entry[]): Promise<number> {
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) return await tellVersion();
  const { run } = await import("./program.ts");
  return await run(args, entries, readEnvironment);
}

async function tellVersion(): Promise<number> {
  try {
    answer(version);
    return 0;
  } catch (error) {
    const { report } = await import("./program.ts");
    return report(error, { json: false, command: undefined });
  }
}

/**
 * Read once: a command may give up the right to read it again. An empty variable counts as unset. Without HOME,
 * home is what the system's list of users says, and none for a user who is not in it.
 */
function readEnvironment(): (name: string) => string | undefined {
  const variables = Deno.env.toObject();
  if (!variables.HOME && Deno.build.os !== "windows") variables.HOME = listedHome();
  return (name) => variables[name] || undefined;
}

function listedHome(): string {
  try {
    return userInfo().homedir ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
