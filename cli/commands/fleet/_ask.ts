import type { Environment } from "../../host/paths.ts";
import { CliError } from "../../terminal/errors.ts";
import { confirm, mayAsk } from "../../terminal/prompt.ts";

/**
 * Asks before something that cannot be taken back.
 *
 * @param what what is about to be done, as `delete "web-1"`
 * @throws {CliError} `usage` where the answer is no, and where there is nobody to ask and no `--yes`
 */
export async function assertMeant(
  what: string,
  { yes, json, environment }: { yes: boolean; json: boolean; environment: Environment },
): Promise<void> {
  if (yes) return;
  if (json || !mayAsk(environment)) {
    throw new CliError("usage", `Cannot ${what}: nobody can be asked whether that is meant`, {
      hint: "say so with --yes",
    });
  }
  const question = `${what.charAt(0).toUpperCase()}${what.slice(1)}?`;
  if (await confirm(question, environment)) return;
  throw new CliError("usage", `Did not ${what}: the answer was no`, { hint: "nothing was changed" });
}
