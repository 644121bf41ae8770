import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Environment } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { connectTo, defaultUrl, namedUrl } from "../../identity/setup.ts";
import { readSecretFile } from "../../identity/secret_file.ts";
import { keepLogin, lockLogins, type Login, loginsPath } from "../../operator/logins.ts";
import { type Project, sendCode, signInWithCode, signInWithPassword } from "../../operator/sign_in.ts";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { printable } from "../../terminal/printable.ts";
import { ask, mayAsk } from "../../terminal/prompt.ts";
import { type OperatorFlags, operatorOptions } from "./_options.ts";

interface Flags extends OperatorFlags {
  publishableKey?: string | undefined;
  email?: string | undefined;
  code?: true | undefined;
}

const example = `
The password, or the code, is asked for, or read from stdin. It never stands in a command line.

Examples:
  openclaw login --url https://ref.supabase.co --publishable-key sb_publishable_key
  openclaw login --url https://ref.supabase.co --publishable-key sb_publishable_key --email you@example.com --code
`;

/** Adds `openclaw login`: a user of a Supabase project becomes the operator of their agents. */
export function addLogin(program: Command, environment: Environment): void {
  const command = program.command("login")
    .description("log in as a user of a Supabase project, to see and change your own agents")
    .addHelpText("after", example)
    .addOption(
      new Option("--publishable-key <key>", "the project's publishable key, which is no secret")
        .argParser(parsePublishableKey),
    )
    .addOption(new Option("--email <address>", "the user; asked for where it is left out"))
    .addOption(new Option("--code", "log in by a one-time code that is mailed to the user"));
  for (const option of operatorOptions()) command.addOption(option);
  command.action((flags: Flags) => login(flags, environment));
}

async function login(flags: Flags, environment: Environment): Promise<void> {
  await giveUp("login");
  const { publishableKey } = flags;
  if (publishableKey === undefined) throw missing("--publishable-key is missing");
  const named = namedUrl(flags, environment) ?? { url: defaultUrl, from: "the default" };
  const connection = await connectTo(named, flags, environment);
  const project = { connection, publishableKey };
  const email = flags.email ?? await askForEmail(environment);
  const made = await signIn(project, { email, byCode: flags.code === true, environment });
  const path = loginsPath(environment);
  {
    using _lock = await lockLogins(path);
    await keepLogin(path, made);
  }
  if (flags.json) answerJson({ url: made.url, email: made.email, path });
  else say(`logged in at ${made.url} as ${printable(email)}; the session is kept in ${path}`);
}

async function signIn(
  project: Project,
  { email, byCode, environment }: { email: string; byCode: boolean; environment: Environment },
): Promise<Login> {
  if (!byCode) {
    const password = await secret("The password", environment);
    return await signInWithPassword(project, { email, password });
  }
  await sendCode(project, email);
  say(`a code was mailed to ${printable(email)}`);
  const code = (await secret("The code", environment)).trim();
  return await signInWithCode(project, { email, code });
}

async function askForEmail(environment: Environment): Promise<string> {
  if (!mayAsk(environment)) throw missing("--email is missing, and there is no terminal to ask on");
  const given = await ask<string>(
    (prompts, common) => prompts.text({ message: "The e-mail address", ...common }),
    environment,
  );
  if (given === null || given.trim() === "") throw missing("the question was not answered");
  return given.trim();
}

/** Asked for and not shown; where there is nobody to ask, the first line of stdin. */
async function secret(message: string, environment: Environment): Promise<string> {
  const given = mayAsk(environment)
    ? await ask<string>(
      (prompts, common) => prompts.password({ message: `${message} (it is not shown)`, ...common }),
      environment,
    )
    : await firstLine(message.toLowerCase());
  if (given === null) throw missing("the question was not answered");
  if (given === "") throw missing(`${message.toLowerCase()} is empty`);
  return given;
}

async function firstLine(noun: string): Promise<string> {
  const text = await readSecretFile("-", warn, {
    noun,
    hint: "give it on stdin, or type it at a terminal",
    typedHint: "log in at a terminal that can hide what is typed",
  });
  return text.replace(/^\uFEFF/, "").replace(/\r?\n[^]*$/, "");
}

function missing(what: string): CliError {
  return new CliError("usage", `Cannot log in: ${what}`, {
    hint: "openclaw login --url https://ref.supabase.co --publishable-key <key> --email <address> < password",
  });
}

/** The form of today, or the older one, a JWT. */
function parsePublishableKey(text: string): string {
  if (/^sb_publishable_[\w-]+$|^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return text;
  throw new InvalidArgumentError(
    text.startsWith("sb_secret_")
      ? "It is a secret key: replace it in the project, since a command line is visible to others."
      : "Expected sb_publishable_…",
  );
}
