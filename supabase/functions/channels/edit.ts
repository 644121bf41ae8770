import type { Backend } from "../_shared/backend.ts";
import { type ChannelKind, channelKinds } from "../_shared/channels/kinds.ts";
import type { ChannelChanges } from "../_shared/database/port.ts";
import { readJson } from "../_shared/http/body.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseChoice, parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { parseChannel, parseOwnSettings } from "./_fields.ts";
import { noSuchChannel, shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "randomBytes" | "log"> & Exchange;

/** Changes what the body names of a channel; its settings as a whole, its kind never. */
export async function editChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const body = await readJson(request);
  const ownerId = scopeOf(operator);
  const changes: ChannelChanges = {
    ...parseChannel(body),
    ...(body.settings === undefined ? {} : {
      settings: parseOwnSettings(await kindOf(id, ownerId, deps), body.settings, { ...deps, operator }),
    }),
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

/** What the settings of a channel are of. */
async function kindOf(id: string, ownerId: string | null, { database }: Deps): Promise<ChannelKind> {
  const channel = await database.channels.find(id, ownerId);
  if (channel === null) throw noSuchChannel();
  return parseChoice(channel.kind, "kind", channelKinds);
}

function nothingToChange(): ContractError {
  return new ContractError(
    "invalid_request",
    'Cannot edit the channel: the body names nothing to change, expected "name", "settings", "labels", "kinds", ' +
      '"after_seconds", "remind_after_seconds" or "enabled"',
  );
}
