import { findEdgeDeno } from "../_support/edge.ts";
import { findPostgres, startPostgres } from "../_support/postgres.ts";
import { run } from "../_support/run.ts";
import { findSupabaseApi } from "../_support/supabase_api.ts";
import { isInstalled } from "../_support/tools.ts";
import { constantSubject, pgbenchSubjects, pgliteSubject } from "./_baselines.ts";
import { makeFleet } from "./_fleet.ts";
import { functionSubjects } from "./_functions.ts";
import { hostileSubjects } from "./_hostile.ts";
import { peerPackage, peerSubject } from "./_peer.ts";
import { beatSubjects, fewAgents, fleetName, fleetSizes, fleetSubjects, handshakeSubjects } from "./_rows.ts";
import { type Measured, startMeasured } from "./_servers.ts";
import type { Part, Subject } from "./_subject.ts";

/** What is measured, and the servers that it is measured on, which run until the end. */
export interface Plan {
  subjects: Subject[];
  servers: Measured[];
}

/** What this machine has. */
export interface Machine {
  /** The folder of Postgres's programs. */
  bin: string;
  supabase: Parameters<typeof functionSubjects>[0] | null;
}

/** @throws naming the first thing that is missing, and how to get it */
export async function findMachine(chosen: readonly Part[]): Promise<Machine> {
  if (Deno.build.os !== "linux") throw missing("/proc", "run it on Linux");
  if (!isInstalled("wrk")) throw missing("wrk", "install it: apt-get install wrk");
  const bin = await findPostgres();
  if (bin === null) throw missing("Postgres 15 or later", "install it: apt-get install postgresql");
  if (await run(`${bin}/pgbench`, ["--version"]) === null) throw missing("pgbench", `it belongs into ${bin}`);
  if (chosen.includes("handshakes") && (await run("npm", ["view", peerPackage, "version"]))?.code !== 0) {
    throw missing(peerPackage, "npm has to give it, or leave handshakes out with --only");
  }
  if (!chosen.includes("functions")) return { bin, supabase: null };
  const parts = await findSupabaseApi();
  const deno = await findEdgeDeno();
  if (parts === null || deno === null) {
    throw missing("PostgREST or Deno 2.1.4", "npm has to give them, or leave functions out with --only");
  }
  return { bin, supabase: { parts, deno } };
}

/** Where a plan is made. */
export interface Place {
  folder: string;
  /** What ends all that is started. */
  opened: AsyncDisposableStack;
  /** Whether something more may be started. */
  signal: AbortSignal;
}

/** Starts all that the parts need. */
export async function makePlan(
  chosen: readonly Part[],
  { bin, supabase }: Machine,
  { folder, opened, signal }: Place,
): Promise<Plan> {
  const has = (part: Part): boolean => chosen.includes(part);
  const postgres = opened.use(await startPostgres(bin));
  const fleet = await makeFleet(folder, has("fleets") ? Math.max(...fleetSizes) : fewAgents);
  const servers: Measured[] = [];
  const start = async (database: string, agents: number): Promise<Measured> => {
    signal.throwIfAborted();
    const name = agents === fewAgents ? database : `${database}, ${fleetName(agents)}`;
    const its = database === "Postgres" ? postgres : null;
    const measured = await startMeasured(name, { opened, folder, fleet, agents, postgres: its });
    servers.push(measured);
    return measured;
  };
  const subjects = [
    await constantSubject(fleet, opened),
    ...await pgbenchSubjects(postgres, folder),
    await pgliteSubject(folder, opened),
  ];
  for (const [database, part] of [["Postgres", "postgres"], ["PGlite", "pglite"]] as const) {
    const isHostile = database === "Postgres" && has("hostile");
    if (!has(part) && !has("handshakes") && !isHostile) continue;
    const measured = await start(database, fewAgents);
    if (has(part)) subjects.push(...beatSubjects(measured, { part, fleet }));
    if (has("handshakes")) subjects.push(...handshakeSubjects(measured, fleet));
    if (isHostile) subjects.push(...hostileSubjects(measured, fleet));
  }
  if (has("handshakes")) subjects.push(await peerSubject(folder, opened));
  if (has("fleets")) {
    for (const database of ["Postgres", "PGlite"]) {
      for (const agents of fleetSizes) {
        subjects.push(...fleetSubjects(await start(database, agents), fleet, { database, agents }));
      }
    }
  }
  if (supabase !== null) subjects.push(...await functionSubjects(supabase, fleet, opened));
  return { subjects, servers };
}

/** What `--quick` runs: all of it over the embedded database, and for a moment. */
export async function makeQuickPlan({ folder, opened }: Place): Promise<Plan> {
  const fleet = await makeFleet(folder, fewAgents);
  const measured = await startMeasured("PGlite", {
    opened,
    folder,
    fleet,
    agents: fewAgents,
    postgres: null,
  });
  const subjects = [
    await constantSubject(fleet, opened),
    await pgliteSubject(folder, opened),
    ...beatSubjects(measured, { part: "pglite", fleet }),
    ...handshakeSubjects(measured, fleet),
  ];
  return { subjects, servers: [measured] };
}

function missing(what: string, mend: string): Error {
  return new Error(`Cannot measure: there is no ${what}; ${mend}`);
}
