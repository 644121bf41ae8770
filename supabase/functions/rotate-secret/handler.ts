import type { Backend } from "../_shared/backend.ts";
import { parseCredentials, refuseCredentials } from "../_shared/credentials.ts";
import { readJson } from "../_shared/http/body.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { type Exchange, resource } from "../_shared/http/routes.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";

type Deps = Pick<Backend, "database" | "refusals" | "refusedAgents" | "randomBytes"> & Exchange;

export const endpoint = resource("rotate-secret", { POST: rotateOwnSecret });

/**
 * Gives an agent a new secret beside its current one, which dies at the first handshake with the new one.
 *
 * Only the current secret rotates: with one in its overlap, a thief could outlive the rotation that was made against
 * them. All that is not it is refused alike, and as a handshake is.
 */
export async function rotateOwnSecret(request: Incoming, deps: Deps): Promise<Reply> {
  const credentials = parseCredentials(await readJson(request));
  const secret = makeSecret(deps.randomBytes(32));
  const pendingDigest = digestSecret(secret);
  const address = deps.address || null;
  const isRotated = await deps.database.secrets.rotateOwn(credentials, { pendingDigest, address });
  if (!isRotated) throw refuseCredentials(credentials, deps);
  return jsonReply({ agent_secret: secret });
}
