import type { Backend } from "../_shared/backend.ts";
import { parseUuid } from "../_shared/http/fields.ts";
import { type Incoming, jsonReply, type Reply } from "../_shared/http/messages.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { actOf, scopeOf } from "../_shared/operator.ts";
import { foundIncident } from "./_reply.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "log"> & Exchange;

/** Ends an incident's reminders. To acknowledge it again changes nothing. */
export async function acknowledgeIncident(request: Incoming, deps: Deps): Promise<Reply> {
  const operator = await deps.operators.identify(request, deps);
  const id = parseUuid(deps.params.id, "id");
  const act = actOf(operator, deps.address);
  const incident = foundIncident(
    await deps.database.incidents.acknowledge(id, { ownerId: scopeOf(operator), act }),
  );
  deps.log.line("info", "incident acknowledged", {
    incident_id: incident.id,
    actor: act.actor,
    request_id: deps.requestId,
  });
  return jsonReply(incident);
}
