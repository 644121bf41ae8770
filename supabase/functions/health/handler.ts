import type { Backend } from "../_shared/backend.ts";
import { resource } from "../_shared/http/routes.ts";
import { version } from "../_shared/version.ts";

export const endpoint = resource("health", { GET: health });

/** Tells whether the service and its database work. */
export async function health(_request: Request, { database }: Pick<Backend, "database">): Promise<Response> {
  await database.health.ping();
  return Response.json({ ok: true, version, database: "ok" });
}
