import { actOnAgent, actOnCopy, patchAgent } from "../../../api/operator/agents.ts";
import { acknowledgeIncident } from "../../../api/operator/incidents.ts";
import type { Outcome } from "../../../api/transport.ts";
import type { Operator } from "../../../operator/operator.ts";
import { CliError } from "../../../terminal/errors.ts";
import { unwrap } from "../_outcome.ts";
import { idOf, nameOf, type Order } from "./_state.ts";

/** Does what was ordered, once, and says what it came to. */
export async function perform(operator: Operator, order: Order): Promise<{ text: string; isFault: boolean }> {
  const { choice, target, until } = order;
  const name = nameOf(target);
  try {
    unwrap(await send(operator, order), operator);
    return { text: `${choice.done} ${name}${until === undefined ? "" : ` until ${until}`}`, isFault: false };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { text: `${choice.title}, ${name}: ${error.message}`, isFault: true };
  }
}

function send(operator: Operator, { choice, target, until }: Order): Promise<Outcome<unknown>> {
  const id = idOf(target);
  const { act, instanceId = "" } = choice;
  switch (act) {
    case "acknowledge":
      return acknowledgeIncident(operator, id);
    case "mute":
      return patchAgent(operator, id, { muted_until: until ?? null });
    case "unmute":
      return patchAgent(operator, id, { muted_until: null });
    case "adopt":
    case "revoke-copy":
      return actOnCopy(operator, id, { act, instanceId });
    default:
      return actOnAgent(operator, id, act);
  }
}
