import { join } from "node:path";
import type { TestPostgres } from "../_support/postgres.ts";
import { type ServerProcess, startServerProcess } from "../_support/server.ts";
import { type Memory, memoryOf } from "./_accounting.ts";
import { addToPostgres, beatsOfEmbedded, beatsOfPostgres, type Fleet, makeEmbedded } from "./_fleet.ts";
import type { Target } from "./_subject.ts";

/** `openclaw serve` over one database, as its users start it. */
export interface Measured {
  name: string;
  server: ServerProcess;
  target: Target;
  memory: () => Promise<Memory>;
  /** Stops it. @throws when its database has not recorded what wrk was told it had. */
  finish: () => Promise<void>;
}

interface Options {
  /** What ends it, if it was not stopped. */
  opened: AsyncDisposableStack;
  /** Where its data folder is made. */
  folder: string;
  fleet: Fleet;
  /** How many of the fleet's agents it has. */
  agents: number;
  /** Null: the embedded one. */
  postgres: TestPostgres | null;
}

export async function startMeasured(name: string, options: Options): Promise<Measured> {
  const { opened, folder, fleet, agents, postgres } = options;
  const data = join(folder, name.replaceAll(/\W/g, "_"));
  const ids = fleet.ids.slice(0, agents);
  const address = await postgres?.createDatabase() ?? null;
  if (address === null) await makeEmbedded(data, ids);
  const env = { ...fleet.env, ...(address === null ? {} : { DATABASE_URL: address }) };
  const server = opened.use(await startServerProcess({ data, env }));
  if (address !== null) await addToPostgres(address, ids);
  const told = { accepted: 0, open: 0 };
  const target: Target = {
    url: `${server.base}/heartbeat`,
    server: [server.pid],
    database: postgres === null ? [] : [await postgres.pid()],
    note({ requests, refused }, connections) {
      told.accepted += requests - refused;
      told.open += connections;
    },
  };
  return {
    name,
    server,
    target,
    memory: () => memoryOf(server.pid),
    async finish() {
      await server.stop();
      const recorded = address === null ? await beatsOfEmbedded(data) : await beatsOfPostgres(address);
      // Those under way when wrk ended were recorded, or not.
      if (recorded < told.accepted || recorded > told.accepted + told.open) {
        throw new Error(`Cannot measure: of ${told.accepted} accepted beats, ${recorded} were recorded`);
      }
    },
  };
}

/** The same server, as one that opens sessions. */
export function asHandshakes({ target }: Measured): Target {
  const { note: _, ...rest } = target;
  return { ...rest, url: target.url.replace(/heartbeat$/, "handshake") };
}
