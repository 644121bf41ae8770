import { say } from "../../terminal/output.ts";

const windows = Deno.build.os === "windows";
const signals: readonly Deno.Signal[] = windows ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Whether the program was told to stop. */
export interface Stop extends Disposable {
  readonly isOrdered: boolean;
}

/**
 * From now on, a signal to stop lets what is under way end, so that what was made can be said and stored. A second one
 * ends the program at once.
 */
export function listenForStop({ isQuiet }: { isQuiet: boolean }): Stop {
  let isOrdered = false;
  const order = (): void => {
    if (isOrdered) Deno.exit(1);
    isOrdered = true;
    if (!isQuiet) say("\nstopping as soon as what is under way is done; a second signal ends it at once");
  };
  for (const signal of signals) Deno.addSignalListener(signal, order);
  return {
    get isOrdered() {
      return isOrdered;
    },
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, order);
    },
  };
}
