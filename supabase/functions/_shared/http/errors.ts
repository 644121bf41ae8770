import { jsonReply, type Reply } from "./messages.ts";

interface Kind {
  status: number;
  /** `www-authenticate` (RFC 9110 section 11.6.1, RFC 6750 section 3). */
  challenge?: string;
}

/** The contract's closed table: every error code that the service can reply with. */
const kinds = {
  invalid_request: { status: 400 },
  invalid_credentials: { status: 401 },
  operator_required: { status: 401, challenge: "Bearer" },
  token_missing: { status: 401, challenge: "Bearer" },
  token_invalid: { status: 401, challenge: 'Bearer error="invalid_token"' },
  token_expired: { status: 401, challenge: 'Bearer error="invalid_token"' },
  session_revoked: { status: 401, challenge: 'Bearer error="invalid_token"' },
  forbidden: { status: 403 },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  conflict: { status: 409 },
  payload_too_large: { status: 413 },
  rate_limited: { status: 429 },
  internal: { status: 500 },
  unavailable: { status: 503 },
} as const satisfies Record<string, Kind>;

export type ErrorCode = keyof typeof kinds;

interface ContractErrorOptions extends ErrorOptions {
  /** Whole seconds, for `rate_limited` and `unavailable`. */
  retryAfterSeconds?: number;
  /** The `allow` header's value, for `method_not_allowed`. */
  allow?: string;
}

/**
 * A refusal or failure that the caller may know. The message is the reply's `error_description`: one English sentence
 * without a secret, a token or an internal. `cause` is for the log only.
 */
export class ContractError extends Error {
  override readonly name = "ContractError";
  readonly retryAfterSeconds: number | undefined;
  readonly allow: string | undefined;

  constructor(readonly code: ErrorCode, description: string, options: ContractErrorOptions = {}) {
    // The log has codes and causes. Nobody reads where it was thrown, and a flood of refusals would pay for it.
    const limit: unknown = Reflect.get(Error, "stackTraceLimit");
    Reflect.set(Error, "stackTraceLimit", 0);
    super(description, options);
    Reflect.set(Error, "stackTraceLimit", limit);
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.allow = options.allow;
  }
}

/** The database, or something else that the service needs, is unreachable. */
export function unavailable(what: string, cause: unknown): ContractError {
  return new ContractError("unavailable", `Cannot answer: ${what} is unreachable, try again later`, {
    cause,
    retryAfterSeconds: 5,
  });
}

/**
 * Whether a Postgres error (by its SQLSTATE) means that the database is unreachable, and not that the call is wrong: no
 * connection (class 08), out of connections, memory or disk (53), being stopped or started (57), a standby that takes
 * no writes (25006).
 */
export function isOutageState(sqlState: string): boolean {
  return /^(08|53|57)[0-9A-Z]{3}$|^25006$/.test(sqlState);
}

/** Anything that was thrown, as an error that the caller may know. */
export function asContractError(thrown: unknown): ContractError {
  if (thrown instanceof ContractError) return thrown;
  return new ContractError("internal", "Cannot answer: the service failed, its log has the cause", {
    cause: thrown,
  });
}

export function statusOf(code: ErrorCode): number {
  return kinds[code].status;
}

/** The one place that makes an error reply. */
export function errorReply(error: ContractError, requestId: string): Reply {
  const { status, challenge }: Kind = kinds[error.code];
  const body = { error: error.code, error_description: error.message, request_id: requestId };
  return jsonReply(body, {
    status,
    headers: {
      ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
      ...(error.allow === undefined ? {} : { allow: error.allow }),
      ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) }),
    },
  });
}
