import type { HttpKind } from "./kinds.ts";
import { type ChannelKind, httpKinds, type SettingRule } from "./kinds.ts";
import { badField, parseFields, parseText } from "../http/fields.ts";

export type Settings = Readonly<Record<string, string>>;

const longestAddress = 2048;
const mailSettings = { to: "mail" } as const;
/** 24 to 64 bytes in base64, as Standard Webhooks has its secrets. */
const signingSecret = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;
const shapes: Readonly<Record<Exclude<SettingRule, "url">, { pattern: RegExp; expected: string }>> = {
  signing_secret: { pattern: signingSecret, expected: '"whsec_" and 24 to 64 bytes in base64' },
  token: { pattern: /^[!-~]{1,255}$/, expected: "1 to 255 characters without spaces" },
  chat: { pattern: /^(-?\d{1,20}|@[A-Za-z0-9_]{5,32})$/, expected: "a chat's number, or @ and its name" },
  routing_key: { pattern: /^[A-Za-z0-9]{32}$/, expected: "32 letters and digits" },
  mail: { pattern: /^[^\s@<>(),;:"\\[\]]{1,64}@[A-Za-z0-9.-]{1,189}$/, expected: "one mail address" },
};

/**
 * The settings of a channel as its kind needs them. `webhook` without a secret gets the one that `makeSecret` makes. What
 * is left out stays what it is in `stored`, but for a token whose address is of another host now: it is not sent there.
 *
 * @throws {ContractError} `invalid_request` that names the field, never its value
 */
export function parseSettings(
  kind: ChannelKind,
  value: unknown,
  makeSecret: () => string,
  stored: Settings = {},
): Settings {
  const given = parseFields(value, "settings");
  const { rules, optional } = rulesOf(kind);
  const names = Object.keys(rules);
  if (Object.keys(stored).length > 0 && !names.some((name) => given[name] !== undefined)) {
    throw badField("settings", `names nothing that ${kind} has, expected ${names.join(" or ")}`);
  }
  const entries = Object.entries(rules).flatMap(([name, rule]) => {
    const setting = given[name];
    const kept = stored[name];
    if (setting === undefined && kept !== undefined) return [[name, kept] as const];
    if (setting === undefined || setting === null) {
      if (rule === "signing_secret") return [[name, makeSecret()] as const];
      if (optional.includes(name)) return [];
    }
    return [[name, parseSetting(rule, setting, `settings.${name}`)] as const];
  });
  const settings: Settings = Object.fromEntries(entries);
  if (kind === "ntfy") assertTopic(settings);
  const isKept = settings.token !== undefined && given.token === undefined;
  if (isKept && hostOf(stored) !== hostOf(settings)) {
    throw badField(
      "settings.token",
      "is missing: the address is of another host, to which the kept one is not sent",
    );
  }
  return settings;
}

function assertTopic({ url = "" }: Settings): void {
  const { pathname, search } = new URL(url);
  if (!pathname.endsWith("/") && search === "") return;
  throw badField("settings.url", "has no topic, expected one as its last part, and nothing behind it");
}

function hostOf({ url }: Settings): string | null {
  return url === undefined ? null : new URL(url).origin;
}

/** What is read back of the settings: of an address its scheme and host, and whom a message reaches. */
export function shownSettings(kind: ChannelKind, settings: Settings): Settings {
  const shown = Object.entries(rulesOf(kind).rules).flatMap(([name, rule]) => {
    const value = settings[name];
    if (value === undefined) return [];
    if (rule === "url") return [[name, new URL(value).origin] as const];
    return rule === "chat" || rule === "mail" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(shown);
}

/**
 * The values of the settings that nobody else may see, and of an address what follows its host, whole and in parts, as
 * they stand there and decoded. Shorter ones than four characters hide nothing, and would make a reply unreadable.
 */
export function secretsOf(kind: ChannelKind, settings: Settings): string[] {
  const secrets = Object.entries(rulesOf(kind).rules).flatMap(([name, rule]) => {
    const value = settings[name];
    if (value === undefined || rule === "chat" || rule === "mail") return [];
    return rule === "url" ? partsOf(new URL(value)) : [value];
  });
  return secrets.filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
}

/** What its host says already is no secret. */
function partsOf({ origin, pathname, search, searchParams }: URL): string[] {
  const raw = [`${pathname}${search}`, ...`${pathname}${search}`.split(/[/?&=]/)];
  return [...raw, ...raw.map(decoded), ...searchParams.values()].filter((part) => !origin.includes(part));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function rulesOf(kind: ChannelKind): {
  rules: Readonly<Record<string, SettingRule>>;
  optional: readonly string[];
} {
  if (kind === "email") return { rules: mailSettings, optional: [] };
  const { settings, optional }: HttpKind = httpKinds[kind];
  return { rules: settings, optional: optional ?? [] };
}

function parseSetting(rule: SettingRule, value: unknown, name: string): string {
  const text = parseText(value, name, { shortest: 1, longest: longestAddress });
  if (rule === "url") return parseAddress(text, name);
  const { pattern, expected } = shapes[rule];
  if (!pattern.test(text)) throw badField(name, `is malformed, expected ${expected}`);
  return text;
}

/** An http or https address. It may hold a secret in its path; it has none in a part that is never sent on. */
function parseAddress(text: string, name: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw badField(name, "is not an address that begins with https:// or http://");
  }
  if (url.port === "0") throw badField(name, "has the port 0, which nobody listens on");
  if (url.username !== "" || url.password !== "" || url.hash !== "") {
    throw badField(name, "has a user, a password or a fragment, expected an address without them");
  }
  // What is not ASCII is written with more characters, and it is kept so.
  if (url.href.length > longestAddress) {
    throw badField(name, `is longer than ${longestAddress} characters, as an address is written`);
  }
  return url.href;
}
