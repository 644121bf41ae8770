import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { foundEnrollment } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals"> & Exchange;

/** Shows one enrollment and the hosts that asked with its code. */
export async function showEnrollment(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const id = parseUuid(deps.params.id, "id");
  return jsonReply(foundEnrollment(await deps.database.enrollments.get(id, scopeOf(reader))));
}
