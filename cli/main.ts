import { allEntries } from "./commands/entries.ts";
import { start } from "./commands/start.ts";

/** The program with every command: `openclaw-server`, and `deno task openclaw`. */
if (import.meta.main) Deno.exit(await start(Deno.args, allEntries));
