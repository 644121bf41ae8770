import { agentEntries } from "./commands/agent/entries.ts";
import { start } from "./commands/start.ts";

/**
 * The program for an agent's host: all of `openclaw` but the server, which would make it half as large again.
 * `openclaw serve` starts `openclaw-server`, if it is there.
 */
const entries = [...agentEntries, {
  name: "serve",
  summary: "run the whole backend, with openclaw-server beside this program",
  load: async () => (await import("./commands/serve_beside.ts")).addServeBeside,
}];

if (import.meta.main) Deno.exit(await start(Deno.args, entries));
