import type { Backend } from "../_shared/backend.ts";
import { parseChoice } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { listReply, parsePageByCreation } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** Lists the incidents that an operator or reader may see, open ones, closed ones, or both. */
export async function listIncidents(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const { query } = request;
  const given = query.get("state");
  const state = given === null ? null : parseChoice(given, "state", ["open", "closed"]);
  const page = parsePageByCreation(query);
  const { rows, next } = await deps.database.incidents.list(scopeOf(reader), { state, page });
  return listReply("incidents", { rows, next }, deps.now());
}
