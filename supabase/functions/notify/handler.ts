import type { Backend } from "../_shared/backend.ts";
import { readOptionalJson } from "../_shared/http/body.ts";
import { parseWholeNumber } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { type Endpoint, resource } from "../_shared/http/routes.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { scopeOf } from "../_shared/operator.ts";
import { tick } from "../_shared/tick.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "deliverer" | "log"> & Exchange;

/** Well within the platform's limit for a request. */
const limitMs = 25_000;

export const endpoint: Endpoint = resource("notify", { POST: notify });

/**
 * Finds what has changed, and sends what the outbox has. For a schedule: a reader's key may call it, since it does
 * nothing else. How often it comes is said for the whole fleet: a user's call sends, and no more.
 */
async function notify(request: Incoming, deps: Deps): Promise<Reply> {
  const scope = scopeOf(await deps.operators.identifyReader(request, deps));
  const { every_seconds = 60 } = await readOptionalJson(request);
  const everySeconds = parseWholeNumber(every_seconds, "every_seconds", { from: 5, to: 3600 });
  if (scope === null) await tick(deps.database, deps.log, everySeconds);
  await deps.deliverer.drain(limitMs);
  return jsonReply({ ok: true });
}
