import type { Backend } from "../_shared/backend.ts";
import { readJson } from "../_shared/body.ts";
import { type Exchange, resource } from "../_shared/endpoint.ts";
import { ContractError } from "../_shared/errors.ts";
import {
  badField,
  type Fields,
  parseChoice,
  parseLabels,
  parseText,
  parseUuid,
  parseWholeNumber,
} from "../_shared/fields.ts";
import { actorOf, type Operator, operatorRequired } from "../_shared/operator.ts";
import { digestSecret, makeSecret } from "../_shared/secret.ts";

type Deps =
  & Pick<Backend, "database" | "operators" | "refusals" | "agentLimitPerOwner" | "randomBytes" | "log">
  & Exchange;

export const endpoint = resource("create-agent", { POST: createAgent });

/** Makes an agent and shows its secret, here and never again: the database keeps a digest. */
export async function createAgent(request: Request, deps: Deps): Promise<Response> {
  const operator = await deps.operators.identify(request, deps);
  const fields = parseNewAgent(await readJson(request), operator);
  const secret = await makeSecret(deps.randomBytes(32));
  const created = await deps.database.createAgent({
    ...fields,
    ownerLimit: operator.kind === "user" ? deps.agentLimitPerOwner : null,
    secretDigest: await digestSecret(secret),
    actor: actorOf(operator),
  });
  if (created === "owner_unknown") throw unknownOwner(operator);
  if (created === "owner_limit") {
    throw new ContractError(
      "conflict",
      `Cannot make another agent: an owner has at most ${deps.agentLimitPerOwner}`,
    );
  }
  deps.log.line("info", "agent created", {
    agent_id: created.id,
    actor: actorOf(operator),
    request_id: deps.requestId,
  });
  return Response.json({ agent: created, agent_secret: secret }, { status: 201 });
}

function parseNewAgent(
  { name, labels = {}, heartbeat_interval_seconds = 60, owner_id, installer }: Fields,
  operator: Operator,
) {
  const fields = {
    name: parseText(name, "name", { shortest: 1, longest: 100 }),
    labels: parseLabels(labels),
    heartbeatIntervalSeconds: parseWholeNumber(heartbeat_interval_seconds, "heartbeat_interval_seconds", {
      from: 5,
      to: 86_400,
    }),
    ownerId: parseOwner(owner_id, operator),
  };
  if (installer !== undefined) {
    parseChoice(installer, "installer", ["bash", "powershell", "python"]);
    throw badField("installer", "is asked for, and this version makes none yet: leave it out");
  }
  return fields;
}

function parseOwner(value: unknown, operator: Operator): string | null {
  const own = operator.kind === "user" ? operator.id : null;
  if (value === undefined) return own;
  const owner = parseUuid(value, "owner_id");
  if (own !== null && owner !== own) {
    throw new ContractError(
      "forbidden",
      "Cannot make an agent for somebody else: that takes a secret API key",
    );
  }
  return owner;
}

function unknownOwner(operator: Operator): ContractError {
  return operator.kind === "user"
    ? operatorRequired("its user is gone")
    : badField("owner_id", "is no user's id");
}
