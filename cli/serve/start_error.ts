/**
 * The server cannot start, for a reason that its user can mend. The hint can be done or typed. `isConflict`: another
 * program has what it wants.
 */
export class StartError extends Error {
  override readonly name = "StartError";

  readonly isConflict: boolean;

  constructor(message: string, readonly hint: string, options: ErrorOptions & { isConflict?: boolean } = {}) {
    super(message, options);
    this.isConflict = options.isConflict ?? false;
  }
}
