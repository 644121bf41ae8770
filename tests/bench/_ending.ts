// deno-lint-ignore-file no-console -- a benchmark prints
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal asked this process to end. */
export class Ended extends Error {
  override readonly name = "Ended";

  /** @param code the exit code that tells of the signal */
  constructor(readonly code: number) {
    super("Ended by a signal: nothing was written");
  }
}

/** How long something is measured. */
export interface Span {
  seconds: number;
  /** Ends it earlier. */
  signal: AbortSignal;
}

/** Is aborted with `Ended` by the first signal that asks this process to end, which then does so itself. */
export function ending(): AbortSignal {
  const ended = new AbortController();
  for (const [signal, code] of Object.entries(signals)) {
    Deno.addSignalListener(signal as keyof typeof signals, () => ended.abort(new Ended(code)));
  }
  return ended.signal;
}

/** Ends this process, for what the work that failed threw. */
export function endWith(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  console.error(error.message);
  Deno.exit(error instanceof Ended ? error.code : 1);
}

/** All of them, once all have ended: when one fails, nothing that another one started outlasts it. */
export async function allEnded<const Works extends readonly Promise<unknown>[]>(
  works: Works,
): Promise<{ -readonly [Index in keyof Works]: Awaited<Works[Index]> }> {
  await Promise.allSettled(works);
  return await Promise.all(works);
}
