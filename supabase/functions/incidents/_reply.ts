import type { Incident } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";

/** What was found, or `not_found`: an operator cannot tell another owner's incident from one that does not exist. */
export function foundIncident(found: Incident | null): Incident {
  if (found !== null) return found;
  throw new ContractError(
    "not_found",
    "Cannot find the incident: no incident with this id is visible to you",
  );
}
