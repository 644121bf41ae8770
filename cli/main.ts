import { agentEntries } from "./commands/_agent.ts";
import type { Entry } from "./program.ts";
import { start } from "./start.ts";

const serve: Entry = {
  name: "serve",
  summary: "run the whole backend in this process",
  load: async () => (await import("./commands/serve.ts")).addServe,
};

if (import.meta.main) Deno.exit(await start(Deno.args, [...agentEntries, serve]));
