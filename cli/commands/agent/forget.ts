import type { Command } from "@commander-js/extra-typings";
import { basename, dirname, join } from "node:path";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { removeFile } from "../../host/private_file.ts";
import { enrollmentIdPath } from "../../identity/enrollment.ts";
import { isForeign, sortNames } from "../../service/own_files.ts";
import { shellQuote } from "../../host/shell_quote.ts";
import { jsonOption } from "./_options.ts";

/** Adds `openclaw forget`. */
export function addForget(program: Command, environment: Environment): void {
  program.command("forget")
    .description(
      "remove the credentials file and the cached session from this host; the server keeps the agent",
    )
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  openclaw forget\n")
    .action(({ json }: { json?: true }) => forget(json === true, environment));
}

async function forget(json: boolean, environment: Environment): Promise<void> {
  const { credentials, state } = await placesHere(environment);
  await giveUp("forget");
  const removed: string[] = [];
  for (const path of [credentials, join(state, "session.json")]) {
    const whole = await isForeign(path) ? [] : [path];
    for (const one of [...await partsOf(path), ...whole]) if (await remove(one)) removed.push(one);
  }
  const enrollment = enrollmentIdPath({ credentials });
  if (await remove(enrollment)) removed.push(enrollment);
  if (json) answerJson({ removed });
  else say(removed.length === 0 ? "there was nothing to remove" : `removed ${removed.join(" and ")}`);
}

/** What a process that was killed while it wrote the file has left beside it. */
async function partsOf(path: string): Promise<string[]> {
  const folder = dirname(path);
  const { ours } = await sortNames(folder, []);
  return ours.filter((name) => name.startsWith(`${basename(path)}.`)).map((name) => join(folder, name));
}

async function remove(path: string): Promise<boolean> {
  try {
    return await removeFile(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const hint = Deno.build.os === "windows" ? `del "${path}"` : `sudo rm -r ${shellQuote(path)}`;
    throw new CliError("unexpected", `Cannot remove "${path}": ${error.message}`, { hint, cause: error });
  }
}
