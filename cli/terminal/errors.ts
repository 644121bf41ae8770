import { asCalled } from "./called.ts";

/** The closed list of what the program's exit code can say. */
export const exitCodes = {
  done: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  conflict: 5,
  unreachable: 6,
} as const;

export type Failure = Exclude<keyof typeof exitCodes, "done">;

/**
 * What a command could not do. The message says what is and what was expected; the hint can be typed or done.
 * In a hint, "openclaw <command>" is a command of this program, which is named as it was called. Neither ever holds a
 * secret or a token.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly hint: string | undefined;

  constructor(readonly failure: Failure, message: string, options: ErrorOptions & { hint?: string } = {}) {
    super(message, options);
    this.hint = options.hint === undefined ? undefined : asCalled(options.hint);
  }
}

/** The command has given its answer, and the answer is no: only the exit code is left to say. */
export class NegativeResult extends Error {
  override readonly name = "NegativeResult";

  constructor(readonly failure: Failure) {
    super(failure);
  }
}

/** The command ends as a program did that it ran: its exit code is not of the closed list. */
export class EndsWith extends Error {
  override readonly name = "EndsWith";

  constructor(readonly code: number) {
    super(String(code));
  }
}

/** Whether an operating system's refusal is one of these `Deno.errors` or error codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
