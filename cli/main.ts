import { Command, CommanderError } from "@commander-js/extra-typings";
import { ConfigurationError } from "../supabase/functions/_shared/env.ts";
import { describe } from "../supabase/functions/_shared/log.ts";
import { version } from "../supabase/functions/_shared/version.ts";
import { addInstaller } from "./commands/installer.ts";
import { addKeys } from "./commands/keys.ts";
import { addServe } from "./commands/serve.ts";
import { say } from "./output.ts";
import { StartError } from "./serve/start_error.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));

/** Runs one command and returns its exit code: 0 done, 1 unexpected or cannot start, 2 wrong usage. */
async function main(args: string[]): Promise<number> {
  const program = new Command("openclaw")
    .description("agents that prove who they are before anybody believes that they are alive")
    .version(version)
    .exitOverride();
  addServe(program, (name) => Deno.env.get(name));
  addKeys(program);
  addInstaller(program, (name) => Deno.env.get(name));
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  // Commander has said what is wrong already; its help and version are no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof StartError) say(`error: ${error.message}\nhint: ${error.hint}`);
  else if (error instanceof ConfigurationError) say(`error: ${error.message}`);
  else say(`error: ${describe(error)}`);
  return 1;
}
