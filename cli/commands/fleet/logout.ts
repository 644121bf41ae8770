import type { Command } from "@commander-js/extra-typings";
import type { Connection } from "../../api/transport.ts";
import { parseUrl } from "../../api/url.ts";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { connectTo, namedUrl } from "../../identity/setup.ts";
import { lockLogins, type Login, loginsPath, readLogins, removeLogin } from "../../operator/logins.ts";
import { signOut } from "../../operator/sign_in.ts";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { type OperatorFlags, operatorOptions } from "./_options.ts";

/** Adds `openclaw logout`. */
export function addLogout(program: Command, environment: Environment): void {
  const command = program.command("logout")
    .description("end a login, here and at the project; without --url, the last one")
    .addHelpText("after", "\nExample:\n  openclaw logout\n");
  for (const option of operatorOptions()) command.addOption(option);
  command.action((flags: OperatorFlags) => logout(flags, environment));
}

async function logout(flags: OperatorFlags, environment: Environment): Promise<void> {
  const path = loginsPath(environment);
  const named = namedUrl(flags, environment);
  const url = named === null ? null : parseUrl(named.url, { insecureHttp: true, from: named.from });
  const logins = await readLogins(path);
  const login = url === null ? logins[0] : logins.find((one) => one.url === url);
  const connection = login === undefined
    ? null
    : await connectTo({ url: login.url, from: path }, { ...flags, insecureHttp: true }, environment);
  await giveUp("logout");
  if (login === undefined || connection === null) {
    return flags.json ? answerJson({ url: null }) : say("there was no login to end");
  }
  await end(login, connection, path);
  if (flags.json) answerJson({ url: login.url });
  else say(`logged out at ${login.url}`);
}

/** It ends here, whatever the project says. */
async function end({ url }: Login, connection: Connection, path: string): Promise<void> {
  using _lock = await lockLogins(path);
  const stored = (await readLogins(path)).find((one) => one.url === url);
  if (stored === undefined) return;
  await removeLogin(path, url);
  try {
    await signOut({ connection }, stored);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    warn(`the login is forgotten here, but the project may keep its session: ${error.message}`);
  }
}
