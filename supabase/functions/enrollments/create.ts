import type { Backend } from "../_shared/backend.ts";
import { readJson } from "../_shared/http/body.ts";
import { createdReply } from "../_shared/http/created.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  type Fields,
  parseHeartbeatInterval,
  parseLabels,
  parseName,
  parseProgressDeadline,
  parseWholeNumber,
} from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, operatorRequired, scopeOf } from "../_shared/operator.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";

type Deps =
  & Pick<Backend, "database" | "operators" | "refusals" | "agentLimitPerOwner" | "randomBytes" | "log">
  & Exchange;

/** Makes a code that makes agents, and shows it, here and never again: the database keeps a digest. */
export async function createEnrollment(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const fields = parseNewEnrollment(await readJson(request));
  const code = makeSecret(deps.randomBytes(32), "oce_");
  const act = actOf(operator, deps.address);
  const created = await deps.database.enrollments.create({
    ...fields,
    ownerId: scopeOf(operator),
    ownerLimit: operator.kind === "user" ? deps.agentLimitPerOwner : null,
    codeDigest: digestSecret(code),
    act,
  });
  if (created === "owner_unknown") throw operatorRequired("its user no longer exists");
  if (created === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot create another enrollment: an owner has at most ${deps.agentLimitPerOwner}, ended ones of 30 days too`,
    );
  }
  deps.log.line("info", "enrollment created", {
    enrollment_id: created.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return createdReply({ enrollment: created, code });
}

function parseNewEnrollment(
  {
    uses = 1,
    expires_in = 3600,
    name = "{hostname}",
    labels = {},
    heartbeat_interval_seconds = 60,
    progress_deadline_seconds = null,
  }: Fields,
) {
  return {
    uses: parseWholeNumber(uses, "uses", { from: 1, to: 10_000 }),
    expiresInSeconds: parseWholeNumber(expires_in, "expires_in", { from: 60, to: 2_592_000 }),
    name: parseName(name, "name"),
    labels: parseLabels(labels),
    heartbeatIntervalSeconds: parseHeartbeatInterval(heartbeat_interval_seconds),
    progressDeadlineSeconds: parseProgressDeadline(progress_deadline_seconds),
  };
}
