import type { Backend } from "../_shared/backend.ts";
import type { AgentChanges } from "../_shared/database/port.ts";
import { readJson } from "../_shared/http/body.ts";
import { ContractError } from "../_shared/http/errors.ts";
import {
  type Fields,
  parseHeartbeatInterval,
  parseLabels,
  parseName,
  parseProgressDeadline,
  parseTime,
  parseUuid,
} from "../_shared/http/fields.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { agentReply } from "./_reply.ts";
import { logAct } from "./act.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Changes what the body names of an agent, and answers the agent after it. */
export async function editAgent(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const changes = parseChanges(await readJson(request));
  const act = actOf(operator, deps.address);
  const agent = await deps.database.agents.edit(id, { ownerId: scopeOf(operator), act, changes });
  if (agent !== null) logAct(deps, { event: "agent edited", agent, act });
  return agentReply(agent);
}

/** A body that names nothing to change is refused: its sender has mistyped something. */
function parseChanges(fields: Fields): AgentChanges {
  const { name, labels, heartbeat_interval_seconds, progress_deadline_seconds, muted_until } = fields;
  const changes: AgentChanges = {
    ...(name === undefined ? {} : { name: parseName(name, "name") }),
    ...(labels === undefined ? {} : { labels: parseLabels(labels) }),
    ...(heartbeat_interval_seconds === undefined
      ? {}
      : { heartbeat_interval_seconds: parseHeartbeatInterval(heartbeat_interval_seconds) }),
    ...(progress_deadline_seconds === undefined
      ? {}
      : { progress_deadline_seconds: parseProgressDeadline(progress_deadline_seconds) }),
    ...(muted_until === undefined ? {} : { muted_until: parseMutedUntil(muted_until) }),
  };
  if (Object.keys(changes).length > 0) return changes;
  throw new ContractError(
    "invalid_request",
    'Cannot edit the agent: the body names nothing to change, expected "name", "labels", ' +
      '"heartbeat_interval_seconds", "progress_deadline_seconds" or "muted_until"',
  );
}

function parseMutedUntil(value: unknown): string | null {
  return value === null ? null : parseTime(value, "muted_until").toISOString();
}
