import type { End } from "../../agent/monitor.ts";
import type { Outcome } from "../../api/agent.ts";
import { CliError, type Failure } from "../../terminal/errors.ts";

const refusedHint = "openclaw doctor";

/** @throws {CliError} for what is not done: `refused`, `unreachable`, or `unexpected` where a signal ended it */
export function assertDone(end: End): void {
  if (end.type === "interrupted") {
    throw new CliError(
      "unexpected",
      "Cannot send the beat: the program was told to stop before one was accepted",
      {
        hint: "openclaw heartbeat",
      },
    );
  }
  if (end.type === "refused") throw new CliError("refused", end.reason, { hint: refusedHint });
  if (end.type === "outage") {
    throw end.code === undefined ? unreachable(end.reason) : refusal(end.code, end.reason);
  }
}

/**
 * What a request brought.
 *
 * @param hint what to do where it was refused
 * @throws {CliError} when it brought nothing
 */
export function unwrap<Value>(outcome: Outcome<Value>, hint: string = refusedHint): Value {
  if (outcome.kind === "ok") return outcome.value;
  if (outcome.kind === "outage") throw unreachable(outcome.reason);
  throw refusal(outcome.code, outcome.description, hint);
}

/** What the exit code says of one of the contract's errors. */
export function failureWithCode(code: string): Failure {
  return failures.get(code) ?? "unexpected";
}

const failures = new Map<string, Failure>([
  ["invalid_credentials", "refused"],
  ["token_missing", "refused"],
  ["token_invalid", "refused"],
  ["token_expired", "refused"],
  ["session_revoked", "refused"],
  ["forbidden", "refused"],
  ["not_found", "notFound"],
  ["conflict", "conflict"],
]);

function refusal(code: string, description: string, hint: string = refusedHint): CliError {
  return new CliError(failureWithCode(code), description, { hint });
}

function unreachable(reason: string): CliError {
  return new CliError("unreachable", `Cannot reach the server: ${reason}`, { hint: "openclaw doctor" });
}
