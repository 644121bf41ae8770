import type { Backend } from "../_shared/backend.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { listReply, parsePageByCreation } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { shownChannel } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** Lists the channels that an operator or reader may see, without what is secret of their settings. */
export async function listChannels(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const page = parsePageByCreation(request.query);
  const { rows, next } = await deps.database.channels.list(scopeOf(reader), page);
  return listReply("channels", { rows: rows.map(shownChannel), next }, deps.now());
}
