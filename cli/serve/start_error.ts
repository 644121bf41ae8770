import type { Failure } from "../terminal/errors.ts";

/**
 * The server cannot start, for a reason that its user can fix. The hint can be done or typed. `failure`: `conflict`
 * where another program holds what it needs, `usage` for a wrong option, `unreachable` for a database that is.
 */
export class StartError extends Error {
  override readonly name = "StartError";

  readonly failure: Failure;

  constructor(message: string, readonly hint: string, options: ErrorOptions & { failure?: Failure } = {}) {
    super(message, options);
    this.failure = options.failure ?? "unexpected";
  }
}
