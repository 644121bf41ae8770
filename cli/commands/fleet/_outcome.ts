import { tlsFault } from "../../api/checks.ts";
import type { Outcome } from "../../api/transport.ts";
import type { Operator } from "../../operator/operator.ts";
import { CliError, type Failure } from "../../terminal/errors.ts";

/** What a request of an operator brought. @throws {CliError} when it brought nothing */
export function unwrap<Value>(outcome: Outcome<Value>, operator: Operator): Value {
  if (outcome.kind === "ok") return outcome.value;
  if (outcome.kind === "refused") throw refusal(outcome.code, outcome.description, operator);
  const { code, reason } = outcome;
  // The server was reached, and failed in a way that nobody foresaw.
  if (code === "internal") throw new CliError("unexpected", reason, { hint: "look into the server's log" });
  if (code === "rate_limited") throw new CliError("unreachable", reason, { hint: "wait as long as it says" });
  const curl = `curl ${operator.url}/functions/v1/health`;
  if (code !== undefined) throw new CliError("unreachable", reason, { hint: curl });
  const { detail, hint } = faultOf(reason, operator) ?? { detail: reason, hint: curl };
  throw new CliError("unreachable", `Cannot reach the server at ${operator.url}: ${detail}`, { hint });
}

/** What the words of a failed connection mean, where they are known. */
function faultOf(reason: string, { url, pool }: Operator): { detail: string; hint: string } | null {
  if (/invalid HTTP version parsed/.test(reason)) {
    return {
      detail: `what answers there speaks no HTTP: ${reason}`,
      hint: `check the port in the URL; it may be ${url.replace(/^http:/, "https:")}`,
    };
  }
  const { protocol, hostname: host } = new URL(url);
  return protocol === "https:"
    ? tlsFault(reason, { host, hasAuthority: pool?.hasAuthorities === true })
    : null;
}

/** What the exit code says of one of the contract's errors, where an operator gets it. */
export function failureWithCode(code: string): Failure {
  return failures.get(code) ?? "unexpected";
}

const failures = new Map<string, Failure>([
  ["invalid_request", "usage"],
  ["payload_too_large", "usage"],
  ["operator_required", "refused"],
  ["forbidden", "refused"],
  ["not_found", "notFound"],
  ["conflict", "conflict"],
]);

function refusal(code: string, description: string, operator: Operator): CliError {
  const hint = code === "operator_required" ? credentialHints[operator.credential] : hints.get(code);
  // What the server calls wrong in a request is told in its own words: the command's help has the rest.
  if (code === "invalid_request") return new CliError("usage", description);
  return new CliError(failureWithCode(code), description, { hint: hint ?? "openclaw fleet" });
}

/** What to do about a credential that the server does not take, by where it was found. */
const credentialHints: Record<Operator["credential"], string> = {
  "environment": "give this server's own key with OPENCLAW_OPERATOR_KEY_FILE",
  "login": "openclaw login",
  "data folder": "the server at this address is not the one of ./openclaw-data: name it with --url",
};

const hints = new Map<string, string>([
  ["forbidden", "a reader's key only reads: take an operator's"],
  ["method_not_allowed", "the server is older than this program: upgrade it"],
]);
