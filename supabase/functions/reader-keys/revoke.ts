import type { Backend } from "../_shared/backend.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Deletes a reader's key, which reads nothing from now on. */
export async function revokeReaderKey(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const revoked = await deps.database.readerKeys.revoke(id, { ownerId: scopeOf(operator), act });
  if (revoked === null) {
    throw new ContractError(
      "not_found",
      "Cannot find the key: no reader's key with this id is visible to you",
    );
  }
  deps.log.line("info", "reader key revoked", {
    reader_key_id: revoked.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return jsonReply(revoked);
}
