import type { Backend } from "../_shared/backend.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { listReply, parsePageByCreation } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** Lists the enrollments that an operator or reader may see, never their codes. */
export async function listEnrollments(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const page = parsePageByCreation(request.query);
  const { rows, next } = await deps.database.enrollments.list(scopeOf(reader), page);
  return listReply("enrollments", { rows, next }, deps.now());
}
