import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { foundEnrollment } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Lets a code make no more agents; those that it made stay. Revoking it again changes nothing. */
export async function revokeEnrollment(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const enrollment = foundEnrollment(
    await deps.database.enrollments.revoke(id, { ownerId: scopeOf(operator), act }),
  );
  deps.log.line("info", "enrollment revoked", {
    enrollment_id: enrollment.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return jsonReply({ enrollment });
}
