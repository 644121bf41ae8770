import { ContractError } from "../_shared/http/errors.ts";

/** What was found, or `not_found`: an operator cannot tell another owner's enrollment from one that does not exist. */
export function foundEnrollment<Found>(found: Found | null): Found {
  if (found !== null) return found;
  throw new ContractError(
    "not_found",
    "Cannot find the enrollment: no enrollment with this id is visible to you",
  );
}
