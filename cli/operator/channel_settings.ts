import { type ChannelKind, channelSettings, type Setting } from "../fleet/channel_kinds.ts";
import type { Environment } from "../host/paths.ts";
import { readSecretFile } from "../identity/secret_file.ts";
import { CliError } from "../terminal/errors.ts";
import { ask, mayAsk } from "../terminal/prompt.ts";

export interface SettingsFlags {
  settingsFile?: string | undefined;
  to?: string | undefined;
  chatId?: string | undefined;
}

/**
 * The settings of a channel that are given: what is open by flags, what is secret in a file. A file is a JSON object;
 * one that is no object is the first secret by itself.
 */
export async function readGivenSettings(
  kind: ChannelKind,
  { settingsFile, to, chatId }: SettingsFlags,
  warn: (text: string) => void,
): Promise<Record<string, string>> {
  return {
    ...(settingsFile === undefined ? {} : await readSettingsFile(kind, settingsFile, warn)),
    ...(to === undefined ? {} : { to }),
    ...(chatId === undefined ? {} : { chat_id: chatId }),
  };
}

/**
 * All settings of a new channel: those that are given, and the others asked for, what is secret not shown.
 *
 * @throws {CliError} `usage` when one is missing and nobody can be asked
 */
export async function readChannelSettings(
  kind: ChannelKind,
  flags: SettingsFlags,
  { environment, warn }: { environment: Environment; warn: (text: string) => void },
): Promise<Record<string, string>> {
  const { settingsFile } = flags;
  const known: readonly Setting[] = channelSettings[kind];
  const settings = await readGivenSettings(kind, flags, warn);
  const missing = known.filter(({ name }) => settings[name] === undefined);
  const asks = settingsFile === undefined && mayAsk(environment);
  for (const setting of missing) {
    const answer = asks ? await askFor(kind, setting, environment) : null;
    if (asks && answer === null) throw leftOut(kind, setting);
    if (answer !== null && answer !== "") settings[setting.name] = answer;
    else if (setting.optional !== true) throw missingSetting(kind, setting);
  }
  return settings;
}

async function readSettingsFile(
  kind: ChannelKind,
  path: string,
  warn: (text: string) => void,
): Promise<Record<string, string>> {
  const text = (await readSecretFile(path, warn, {
    noun: "the channel's settings",
    hint: "--settings-file <file>, with a file that this user can read, or - for stdin",
    typedHint: "leave --settings-file out: the settings are asked for and not shown",
  })).replace(/^\uFEFF/, "").trim();
  const known: readonly Setting[] = channelSettings[kind];
  if (!text.startsWith("{")) {
    const first = known.find(({ open }) => open !== true) ?? known[0];
    return first === undefined || text === "" ? {} : { [first.name]: text };
  }
  const entries = Object.entries(parseObject(text));
  return Object.fromEntries(entries.map(([name, value]) => {
    if (typeof value === "string" && known.some((setting) => setting.name === name)) return [name, value];
    throw new CliError(
      "usage",
      `Cannot use the channel's settings: ${kind} takes ${namesOf(known)} as text`,
      {
        hint: `openclaw channels add --help`,
      },
    );
  }));
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (error) {
    // What JSON.parse says repeats a part of the text.
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError("usage", "Cannot read the channel's settings: they are not a JSON object", {
      hint: `echo '{"url": "https://hooks.example/x"}' > settings`,
    });
  }
}

async function askFor(
  kind: ChannelKind,
  { name, open, optional }: Setting,
  environment: Environment,
): Promise<string | null> {
  const message = `${kind} ${name}${optional === true ? " (Enter for none)" : ""}`;
  return await ask<string>(
    (prompts, common) =>
      open === true ? prompts.text({ message, ...common }) : prompts.password({ message, ...common }),
    environment,
  );
}

function leftOut(kind: ChannelKind, { name }: Setting): CliError {
  return new CliError(
    "usage",
    `Cannot set up the channel: the question for the ${name} of ${kind} was left`,
    {
      hint: "nothing was changed",
    },
  );
}

function missingSetting(kind: ChannelKind, { name, open }: Setting): CliError {
  const flag = open === true
    ? `--${name.replace("_", "-")} <${name}>`
    : "--settings-file <file>, or - for stdin";
  return new CliError("usage", `Cannot set up the channel: ${kind} needs ${name}, and nobody can be asked`, {
    hint: flag,
  });
}

function namesOf(settings: readonly Setting[]): string {
  return settings.map(({ name }) => `"${name}"`).join(" and ");
}
