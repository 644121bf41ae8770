import { agentEntries } from "./commands/agent/entries.ts";
import { elsewhereEntries } from "./commands/elsewhere.ts";
import { start } from "./commands/start.ts";

/** The program for an agent's host: an agent's commands only. */
if (import.meta.main) Deno.exit(await start(Deno.args, [...agentEntries, ...elsewhereEntries]));
