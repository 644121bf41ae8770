import type { Backend } from "../_shared/backend.ts";
import { parseClient } from "../_shared/client.ts";
import { readJson } from "../_shared/http/body.ts";
import { createdReply } from "../_shared/http/created.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { cleanName } from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";
import { parseEnrolling, refusedCode } from "./_code.ts";

type Deps = Pick<Backend, "database" | "refusals" | "agentLimitPerOwner" | "randomBytes" | "log"> & Exchange;

/**
 * Makes an agent for a host that has an enrollment code. A host that asks again, because the reply was lost, gets the
 * same agent with a fresh secret until the agent's first handshake.
 *
 * A code that is unknown, expired, revoked or used up is refused alike: by the same one call of the database, which
 * wrote nothing.
 */
export async function enroll(request: Incoming, deps: Deps): Promise<Reply> {
  const fields = await readJson(request);
  const enrolling = parseEnrolling(fields, deps);
  const { hostname } = fields.client === undefined ? {} : parseClient(fields.client);
  const secret = makeSecret(deps.randomBytes(32));
  const enrolled = await deps.database.enrollments.enroll(enrolling, {
    secretDigest: digestSecret(secret),
    hostname: hostname === undefined ? null : cleanName(hostname),
    ownerLimit: deps.agentLimitPerOwner,
  });
  if (enrolled === null) throw refusedCode(deps);
  if (enrolled === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot enroll another agent: the code's owner has at most ${deps.agentLimitPerOwner}, and has to delete one`,
    );
  }
  deps.log.line("info", "agent enrolled", { agent_id: enrolled.id, request_id: deps.requestId });
  return createdReply({ agent: enrolled, agent_secret: secret });
}
