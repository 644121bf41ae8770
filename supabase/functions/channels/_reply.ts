import { channelKinds } from "../_shared/channels/kinds.ts";
import { shownSettings } from "../_shared/channels/settings.ts";
import type { Channel } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseChoice } from "../_shared/http/fields.ts";

/** A channel as an operator or reader sees it: of its settings, only what is no secret. */
export function shownChannel(channel: Channel): Channel {
  const kind = parseChoice(channel.kind, "kind", channelKinds);
  return { ...channel, settings: { ...shownSettings(kind, channel.settings) } };
}

/** The refusal of an id that no channel has, or none that the caller may see. */
export function noSuchChannel(): ContractError {
  return new ContractError(
    "not_found",
    "Cannot find the channel: no channel with this id is visible to you",
  );
}
