import type { Backend } from "../_shared/backend.ts";
import { channelKinds } from "../_shared/channels/kinds.ts";
import { sendTest } from "../_shared/channels/test_message.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseChoice, parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { noSuchChannel } from "./_reply.ts";

type Deps =
  & Pick<Backend, "database" | "operators" | "refusals" | "transports" | "channelTests" | "now">
  & Exchange;

/** Sends a channel a message that says that it is a test, and answers what the receiver said. */
export async function testChannel(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const channel = await deps.database.channels.find(id, scopeOf(operator));
  if (channel === null) throw noSuchChannel();
  const retryAfterSeconds = deps.channelTests.take(id);
  if (retryAfterSeconds !== null) {
    throw new ContractError(
      "rate_limited",
      `Cannot test the channel again so soon: retry in ${retryAfterSeconds} s`,
      { retryAfterSeconds },
    );
  }
  const kind = parseChoice(channel.kind, "kind", channelKinds);
  const { state, answer } = await sendTest({ ...channel, kind }, deps.transports, deps.now());
  return jsonReply({ delivered: state === "delivered", answer });
}
