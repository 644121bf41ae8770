import type { Backend } from "../_shared/backend.ts";
import { channelKinds } from "../_shared/channels/kinds.ts";
import type { Settings } from "../_shared/channels/settings.ts";
import type { ChannelChanges } from "../_shared/database/port.ts";
import { readJson } from "../_shared/http/body.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { badField, parseChoice, parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, type Operator, scopeOf } from "../_shared/operator.ts";
import { parseChannel, parseOwnSettings } from "./_fields.ts";
import { noSuchChannel, shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Changes what the body names of a channel, and of its settings; its kind never. */
export async function editChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const body = await readJson(request);
  const ownerId = scopeOf(operator);
  const changes: ChannelChanges = {
    ...parseChannel(body),
    ...(body.settings === undefined
      ? {}
      : { settings: await parseNewSettings(id, body.settings, { ...deps, operator }) }),
  };
  if (Object.keys(changes).length === 0) throw nothingToChange();
  const act = actOf(operator, deps.address);
  const edited = await deps.database.channels.edit(id, { ownerId, act, changes });
  if (edited === null) throw noSuchChannel();
  deps.log.line("info", "channel edited", {
    channel_id: id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return jsonReply(shownChannel(edited));
}

async function parseNewSettings(
  id: string,
  value: unknown,
  { database, operator }: Deps & { operator: Operator },
): Promise<Settings> {
  const channel = await database.channels.find(id, scopeOf(operator));
  if (channel === null) throw noSuchChannel();
  const kind = parseChoice(channel.kind, "kind", channelKinds);
  return parseOwnSettings(kind, value, { operator, makeSecret: refuseToForget, stored: channel.settings });
}

/** A new one would be in no reply. */
function refuseToForget(): never {
  throw badField("settings.secret", "is null, expected another one, or none so that it stays as it is");
}

function nothingToChange(): ContractError {
  return new ContractError(
    "invalid_request",
    'Cannot edit the channel: the body names nothing to change, expected "name", "settings", "labels", "kinds", ' +
      '"after_seconds", "remind_after_seconds" or "enabled"',
  );
}
