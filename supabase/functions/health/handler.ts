import type { Backend } from "../_shared/backend.ts";
import type { Database } from "../_shared/database/port.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";
import { version } from "../_shared/version.ts";

export const endpoint = resource("health", { GET: health });

interface Answer {
  at: number;
  ping: ReturnType<Database["health"]["ping"]>;
}

const keptMs = 1000;
const answers = new WeakMap<Database, Answer>();

/** Tells whether the service works and its database takes writes. It asks the database once a second at most. */
export async function health(
  _request: Incoming,
  { database, now }: Pick<Backend, "database" | "now">,
): Promise<Reply> {
  const { tick } = await ping(database, now().getTime());
  return jsonReply({ ok: true, version, database: "ok", tick });
}

/** A clock that was set back does not keep an answer. */
function ping(database: Database, now: number): Answer["ping"] {
  const kept = answers.get(database);
  if (kept !== undefined && now >= kept.at && now - kept.at < keptMs) return kept.ping;
  const fresh = { at: now, ping: database.health.ping() };
  answers.set(database, fresh);
  return fresh.ping;
}
