import type { Inbox } from "../agent/inbox.ts";

const windows = Deno.build.os === "windows";

/**
 * SIGTERM and SIGINT (Ctrl-C; Ctrl-Break on Windows) order a stop, a second one ends the process at once;
 * SIGHUP orders the credentials to be read again.
 */
export function listenToSignals(inbox: Inbox): void {
  const stops: Deno.Signal[] = windows ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  for (const signal of stops) {
    Deno.addSignalListener(signal, () => {
      if (inbox.isStopping) Deno.exit(1);
      inbox.put("stop");
    });
  }
  if (!windows) Deno.addSignalListener("SIGHUP", () => inbox.put("reload"));
}
