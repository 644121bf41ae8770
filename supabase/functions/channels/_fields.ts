import type { ChannelKind } from "../_shared/channels/kinds.ts";
import { parseSettings, type Settings } from "../_shared/channels/settings.ts";
import { makeSigningSecret } from "../_shared/channels/sign.ts";
import type { Backend } from "../_shared/backend.ts";
import type { ChannelChanges } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  badField,
  type Fields,
  parseBoolean,
  parseChoice,
  parseLabels,
  parseName,
  parseWholeNumber,
} from "../_shared/http/fields.ts";
import { incidentKinds } from "../_shared/incident_kinds.ts";
import type { Operator } from "../_shared/operator.ts";

/** What the body names of a channel, but for its kind and settings. */
export function parseChannel(fields: Fields): Omit<ChannelChanges, "settings"> {
  const { name, labels, kinds, after_seconds, remind_after_seconds, enabled } = fields;
  return {
    ...(name === undefined ? {} : { name: parseName(name, "name") }),
    ...(labels === undefined ? {} : { labels: parseLabels(labels) }),
    ...(kinds === undefined ? {} : { kinds: parseKinds(kinds) }),
    ...(after_seconds === undefined
      ? {}
      : { after_seconds: parseWholeNumber(after_seconds, "after_seconds", { from: 0, to: 86_400 }) }),
    ...(remind_after_seconds === undefined
      ? {}
      : { remind_after_seconds: parseReminder(remind_after_seconds) }),
    ...(enabled === undefined ? {} : { enabled: parseBoolean(enabled, "enabled") }),
  };
}

/** Makes what signs the messages of a webhook. */
export function signingSecretFrom({ randomBytes }: Pick<Backend, "randomBytes">): string {
  return makeSigningSecret(randomBytes(32));
}

/** The settings that the kind needs. A user's mail goes to the user's own address, and nobody else's. */
export function parseOwnSettings(
  kind: ChannelKind,
  value: unknown,
  { operator, makeSecret, stored }: { operator: Operator; makeSecret: () => string; stored?: Settings },
): Settings {
  const settings = parseSettings(kind, value, makeSecret, stored);
  const isOwn = operator.kind === "key" ||
    (operator.email !== null && operator.email.toLowerCase() === settings.to?.toLowerCase());
  if (kind !== "email" || isOwn) return settings;
  throw new ContractError(
    "forbidden",
    "Cannot send mail to this address: a user's mail goes only to the address that the user signs in with",
  );
}

/** Null stands for all kinds of incidents, those to come included. */
function parseKinds(value: unknown): string[] | null {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length === 0) {
    throw badField("kinds", "is not a list of kinds of incidents, or null for all");
  }
  return [...new Set(value.map((kind) => parseChoice(kind, "kinds", incidentKinds)))];
}

function parseReminder(value: unknown): number | null {
  return value === null ? null : parseWholeNumber(value, "remind_after_seconds", { from: 300, to: 604_800 });
}
