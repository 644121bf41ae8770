import type { Backend } from "../_shared/backend.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { listReply, parsePageByCreation } from "../_shared/http/pages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "now"> & Exchange;

/** Lists the readers' keys that an operator or reader may see, never the keys themselves. */
export async function listReaderKeys(request: Incoming, deps: Deps): Promise<Reply> {
  const reader = await deps.operators.identifyReader(request, deps);
  const page = parsePageByCreation(request.query);
  const { rows, next } = await deps.database.readerKeys.list(scopeOf(reader), page);
  return listReply("reader_keys", { rows, next }, deps.now());
}
