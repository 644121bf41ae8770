import type { Backend } from "../_shared/backend.ts";
import { channelKinds } from "../_shared/channels/kinds.ts";
import { readJson } from "../_shared/http/body.ts";
import { createdReply } from "../_shared/http/created.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseChoice, parseName } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, operatorRequired, scopeOf } from "../_shared/operator.ts";
import { parseChannel, parseOwnSettings, signingSecretFrom } from "./_fields.ts";
import { shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "randomBytes" | "log"> & Exchange;

/** Each may be told of each incident of its owner's. */
const mostOfAnOwner = 50;

/** Makes a channel. A webhook's signing secret that was made here is shown here, and never again. */
export async function createChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const body = await readJson(request);
  const kind = parseChoice(body.kind, "kind", channelKinds);
  const makeSecret = (): string => signingSecretFrom(deps);
  const settings = parseOwnSettings(kind, body.settings, { operator, makeSecret });
  const act = actOf(operator, deps.address);
  const created = await deps.database.channels.create({
    channel: {
      labels: {},
      kinds: null,
      after_seconds: 0,
      remind_after_seconds: null,
      enabled: true,
      ...parseChannel(body),
      name: parseName(body.name, "name"),
      kind,
      settings,
    },
    ownerId: scopeOf(operator),
    ownerLimit: operator.kind === "user" ? mostOfAnOwner : null,
    act,
  });
  if (created === "owner_unknown") throw operatorRequired("its user no longer exists");
  if (created === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot create another channel: a user has at most ${mostOfAnOwner}`,
    );
  }
  deps.log.line("info", "channel created", {
    channel_id: created.id,
    kind,
    actor: act.actor,
    request_id: deps.requestId,
  });
  const isMade = settings.secret !== undefined && !isGiven(body.settings);
  return createdReply({
    channel: shownChannel(created),
    ...(isMade ? { signing_secret: settings.secret } : {}),
  });
}

function isGiven(settings: unknown): boolean {
  return typeof settings === "object" && settings !== null && "secret" in settings &&
    settings.secret !== null;
}
