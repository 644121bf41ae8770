import { agentEntries } from "./commands/agent/entries.ts";
import type { Entry } from "./commands/program.ts";
import { start } from "./commands/start.ts";

const serve: Entry = {
  name: "serve",
  summary: "run the whole backend in this process",
  load: async () => (await import("./commands/serve.ts")).addServe,
};

if (import.meta.main) Deno.exit(await start(Deno.args, [...agentEntries, serve]));
