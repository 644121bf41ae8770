import type { Inbox } from "../../agent/inbox.ts";

const windows = Deno.build.os === "windows";
/** A second more than a farewell may take. */
const farewellMilliseconds = 4000;

/**
 * SIGTERM and SIGINT (Ctrl-C; Ctrl-Break on Windows) order a stop. One that comes when the farewell should be
 * over ends the process at once; until then it is the same order once more: a task runner forwards what the
 * terminal has sent already. SIGHUP orders the credentials to be read again, or a stop where it says that the
 * terminal is gone.
 */
export function listenToSignals(inbox: Inbox): void {
  const stops: Deno.Signal[] = windows ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  let firstAt: number | null = null;
  for (const signal of stops) {
    Deno.addSignalListener(signal, () => {
      firstAt ??= performance.now();
      if (performance.now() - firstAt > farewellMilliseconds) Deno.exit(1);
      inbox.put("stop");
    });
  }
  if (windows) return;
  const hadTerminal = hasTerminal();
  Deno.addSignalListener("SIGHUP", () => inbox.put(hadTerminal && !hasTerminal() ? "stop" : "reload"));
}

function hasTerminal(): boolean {
  return Deno.stdin.isTerminal() || Deno.stderr.isTerminal();
}
