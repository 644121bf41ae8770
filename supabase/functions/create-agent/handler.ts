import type { Backend } from "../_shared/backend.ts";
import { readJson } from "../_shared/http/body.ts";
import { createdReply } from "../_shared/http/created.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  badField,
  type Fields,
  parseChoice,
  parseHeartbeatInterval,
  parseLabels,
  parseName,
  parseProgressDeadline,
  parseUuid,
} from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { resource } from "../_shared/http/routes.ts";
import { installerUrl, makeInstaller, type Shell, shells } from "../_shared/installer/installer.ts";
import { actOf, type Operator, operatorRequired } from "../_shared/operator.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";

type Deps =
  & Pick<
    Backend,
    "database" | "operators" | "refusals" | "agentLimitPerOwner" | "issuer" | "randomBytes" | "log"
  >
  & Exchange;

export const endpoint = resource("create-agent", { POST: createAgent });

/** Creates an agent and shows its secret, here and never again: the database keeps a digest. */
export async function createAgent(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const { shell, ...fields } = parseNewAgent(await readJson(request), operator);
  // Before the agent is created: if this failed after that, its secret would be lost.
  const url = shell === null ? null : installerUrl(deps.issuer);
  const secret = makeSecret(deps.randomBytes(32));
  const act = actOf(operator, deps.address);
  const created = await deps.database.agents.create({
    ...fields,
    ownerLimit: operator.kind === "user" ? deps.agentLimitPerOwner : null,
    secretDigest: digestSecret(secret),
    act,
  });
  if (created === "owner_unknown") throw unknownOwner(operator);
  if (created === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot create another agent: an owner has at most ${deps.agentLimitPerOwner}, delete one`,
    );
  }
  deps.log.line("info", "agent created", {
    agent_id: created.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  const reply = { agent: created, agent_secret: secret };
  if (shell === null || url === null) return createdReply(reply);
  return createdReply({
    ...reply,
    installer: makeInstaller(shell, { url, agent: { id: created.id, secret } }),
  });
}

function parseNewAgent(
  {
    name,
    labels = {},
    heartbeat_interval_seconds = 60,
    progress_deadline_seconds = null,
    owner_id,
    installer,
  }: Fields,
  operator: Operator,
) {
  return {
    name: parseName(name, "name"),
    labels: parseLabels(labels),
    heartbeatIntervalSeconds: parseHeartbeatInterval(heartbeat_interval_seconds),
    progressDeadlineSeconds: parseProgressDeadline(progress_deadline_seconds),
    ownerId: parseOwner(owner_id, operator),
    shell: installer === undefined ? null : parseChoice<Shell>(installer, "installer", shells),
  };
}

function parseOwner(value: unknown, operator: Operator): string | null {
  const own = operator.kind === "user" ? operator.id : null;
  if (value === undefined) return own;
  const owner = parseUuid(value, "owner_id");
  if (own !== null && owner !== own) {
    throw new ContractError(
      "forbidden",
      "Cannot create an agent for another owner: that takes a secret API key",
    );
  }
  return owner;
}

function unknownOwner(operator: Operator): ContractError {
  return operator.kind === "user"
    ? operatorRequired("its user no longer exists")
    : badField("owner_id", "is not the id of a user");
}
