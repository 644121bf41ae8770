import { agentEntries, readEnvironment } from "./commands/_agent.ts";
import { type Entry, run } from "./program.ts";

const serve: Entry = {
  name: "serve",
  summary: "run the whole backend in this process",
  load: async () => (await import("./commands/serve.ts")).addServe,
};

if (import.meta.main) Deno.exit(await run(Deno.args, [...agentEntries, serve], readEnvironment()));
