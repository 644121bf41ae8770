import type { Failure } from "../terminal/errors.ts";

/**
 * The server cannot start, for a reason that its user can mend. The hint can be done or typed. `failure`: `conflict`
 * where another program has what it wants, `usage` for what was asked wrongly, `unreachable` for a database that is.
 */
export class StartError extends Error {
  override readonly name = "StartError";

  readonly failure: Failure;

  constructor(message: string, readonly hint: string, options: ErrorOptions & { failure?: Failure } = {}) {
    super(message, options);
    this.failure = options.failure ?? "unexpected";
  }
}
