import type { Backend } from "../_shared/backend.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";

export const endpoint = resource("jwks", { GET: jwks });

/** The public halves of the signing keys, as a JWK Set (RFC 7517). */
export function jwks(_request: Incoming, { keys }: Pick<Backend, "keys">): Promise<Reply> {
  const headers = { "cache-control": "public, max-age=300" };
  return Promise.resolve(jsonReply({ keys: keys.publicKeys }, { headers }));
}
