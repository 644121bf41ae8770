import { machines, measured, plan, supabase } from "./_figures.ts";

/** A fleet whose agents all beat at one interval. */
export interface Fleet {
  agents: number;
  intervalSeconds: number;
}

/** What a fleet sends: in a month, and in a second, in the mean and after an outage. */
export interface Load {
  beats: number;
  handshakes: number;
  mean: number;
  peak: number;
}

/** One way to run the backend, and what it takes. */
export interface Bill {
  way: "functions" | "supabase_database" | "own_database";
  takes: string;
  /** In dollars a month. Null where one database would have to be larger than the largest one on offer. */
  cost: { computing: number; traffic: number; total: number } | null;
}

/** What one request of each kind takes. */
type Kind = keyof typeof measured.beat;

export function loadOf({ agents, intervalSeconds }: Fleet): Load {
  const beats = agents * plan.monthSeconds / intervalSeconds;
  const handshakes = agents * plan.monthSeconds / Math.max(plan.handshakeSeconds, intervalSeconds);
  const mean = (beats + handshakes) / plan.monthSeconds;
  return { beats, handshakes, mean, peak: mean * measured.peakToMean };
}

/** How many agents one process of the server takes, which has one core, and holds as many connections as it may. */
export function agentsPerServer(intervalSeconds: number): number {
  const byCores = 1 / coresFor({ agents: 1, intervalSeconds }, "serverMicros");
  const held = Math.min(1, measured.peakToMean * plan.idleSeconds / intervalSeconds);
  return Math.floor(Math.min(byCores, plan.connections / held));
}

export function billsOf(fleet: Fleet): Bill[] {
  return [functionsBill(fleet), supabaseBill(fleet), ownBill(fleet)];
}

/** The functions: each request is a call, which asks the database by itself. */
function functionsBill(fleet: Fleet): Bill {
  const { beats, handshakes } = loadOf(fleet);
  const size = sizeFor(coresFor(fleet, "aloneMicros"));
  if (size === null) return tooLarge("functions");
  const paid = Math.max(0, Math.ceil((beats + handshakes) / 1e6) - supabase.includedMillions);
  return bill("functions", `Pro, ${size.name}`, {
    computing: monthOf(size) + paid * supabase.million,
    traffic: egress(sumOf(fleet, "replyBytes")),
  });
}

/** `serve` on machines of one's own, over the project's Postgres. */
function supabaseBill(fleet: Fleet): Bill {
  const size = sizeFor(coresFor(fleet, "databaseMicros"));
  if (size === null) return tooLarge("supabase_database");
  const servers = machinesFor(fleet.agents / agentsPerServer(fleet.intervalSeconds));
  return bill("supabase_database", `${servers.takes}; Pro, ${size.name}`, {
    computing: servers.month + monthOf(size),
    traffic: transfer(sumOf(fleet, "bytes"), servers) + egress(sumOf(fleet, "databaseBytes")),
  });
}

/** `serve` and Postgres on machines of one's own: on one together, as long as they fit. */
function ownBill(fleet: Fleet): Bill {
  const cores = fleet.agents / agentsPerServer(fleet.intervalSeconds);
  const databaseCores = coresFor(fleet, "databaseMicros");
  const all = cores + databaseCores <= machines.cores[0]
    ? machinesFor(cores + databaseCores)
    : withDatabase(machinesFor(cores), databaseCores);
  if (all === null) return tooLarge("own_database");
  return bill("own_database", all.takes, {
    computing: all.month,
    traffic: transfer(sumOf(fleet, "bytes"), all),
  });
}

function bill(way: Bill["way"], takes: string, cost: { computing: number; traffic: number }): Bill {
  return { way, takes, cost: { ...cost, total: cost.computing + cost.traffic } };
}

function tooLarge(way: Bill["way"]): Bill {
  return { way, takes: "more than one database", cost: null };
}

/** The cores that are planned for it. */
function coresFor(fleet: Fleet, kind: Kind): number {
  return sumOf(fleet, kind) / 1e6 / plan.monthSeconds * measured.peakToMean / plan.busy;
}

/** Of all requests of a month. */
function sumOf(fleet: Fleet, kind: Kind): number {
  const { beats, handshakes } = loadOf(fleet);
  return beats * measured.beat[kind] + handshakes * measured.handshake[kind];
}

interface Machines {
  takes: string;
  month: number;
  includedGiB: number;
}

/** As small ones as there are: a larger one costs as many times as much, and may send less. */
function machinesFor(cores: number): Machines {
  const { smallest, smallestGiB, cores: [least], core, includedGiB } = machines;
  if (cores <= smallest.cores) {
    return { takes: smallest.name, month: smallest.month, includedGiB: smallestGiB };
  }
  const count = Math.ceil(cores / least);
  return { takes: `${count} × ${least} vCPU`, month: count * least * core, includedGiB: count * includedGiB };
}

/** The same, and one machine for Postgres, which does not spread over several. */
function withDatabase(servers: Machines, cores: number): Machines | null {
  const size = machines.cores.find((one) => one >= cores);
  if (size === undefined) return null;
  return {
    takes: `${servers.takes}; ${size} vCPU`,
    month: servers.month + size * machines.core,
    includedGiB: servers.includedGiB + machines.includedGiB,
  };
}

type Size = typeof supabase.sizes[number];

function sizeFor(cores: number): Size | null {
  return supabase.sizes.find((size) => size.cores >= cores) ?? null;
}

function monthOf(size: Size): number {
  return supabase.plan + size.month - supabase.credit;
}

/** What a machine's traffic costs beyond what is included. */
function transfer(bytes: number, { includedGiB }: Machines): number {
  return Math.max(0, bytes / 2 ** 30 - includedGiB) * machines.gib;
}

/** What Supabase's traffic costs beyond what is included. */
function egress(bytes: number): number {
  return Math.max(0, bytes / 1e9 - supabase.includedGB) * supabase.gb;
}
