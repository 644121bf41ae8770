/** The server cannot start, for a reason that its user can mend. The hint can be done or typed. */
export class StartError extends Error {
  override readonly name = "StartError";

  constructor(message: string, readonly hint: string, options?: ErrorOptions) {
    super(message, options);
  }
}
