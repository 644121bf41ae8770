import type { Backend } from "../_shared/backend.ts";
import type { Enrolling } from "../_shared/database/port.ts";
import { ContractError } from "../_shared/http/errors.ts";
import { badField, type Fields } from "../_shared/http/fields.ts";
import type { Exchange } from "../_shared/http/routes.ts";
import { digestSecret, secretFault } from "../_shared/secret.ts";

/** What both requests of a host name: the code, and which host it is, by a random number of its own. */
export function parseEnrolling(
  { code, enrollment_id }: Fields,
  { address }: Pick<Exchange, "address">,
): Enrolling {
  const given = parseString(code, "code");
  const fault = secretFault(given, "oce_");
  if (fault !== null) throw badField("code", fault);
  const host = parseString(enrollment_id, "enrollment_id");
  if (!/^[A-Za-z0-9_-]{43}$/.test(host)) throw badField("enrollment_id", "is not 43 characters of base64url");
  return {
    codeDigest: digestSecret(given),
    hostDigest: digestSecret(host),
    address: address || null,
  };
}

/** The one refusal of a code that is unknown, expired, revoked or used up, counted for the rate limit. */
export function refusedCode(
  { refusals, address }: Pick<Backend & Exchange, "refusals" | "address">,
): ContractError {
  refusals.count(address);
  return new ContractError(
    "invalid_credentials",
    "Cannot accept the enrollment code: it is not one that is good for this host",
  );
}

function parseString(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw badField(name, value === undefined ? "is missing" : "is not a string");
}
