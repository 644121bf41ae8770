/** Dollars, without taxes, looked up in November 2026. */
export const pricesOf = "November 2026";

/** Supabase: the Pro plan, what it includes, and the sizes of its database. */
export const supabase = {
  plan: 25,
  /** What the plan pays of the database's size. */
  credit: 10,
  includedMillions: 2,
  /** For each million calls of functions that is begun. */
  million: 2,
  includedGB: 250,
  gb: 0.09,
  /** The smallest first, with the cores that each has for itself in the long run: of shared ones, a part. */
  sizes: [
    { name: "Micro", month: 10, cores: 0.2 },
    { name: "Small", month: 15, cores: 0.4 },
    { name: "Large", month: 110, cores: 2 },
    { name: "XL", month: 210, cores: 4 },
    { name: "2XL", month: 410, cores: 8 },
    { name: "4XL", month: 960, cores: 16 },
    { name: "8XL", month: 1870, cores: 32 },
    { name: "12XL", month: 2800, cores: 48 },
    { name: "16XL", month: 3730, cores: 64 },
  ],
} as const;

/** Machines of one's own, at the prices of DigitalOcean. */
export const machines = {
  /** One core that is shared with others, counted with the part that it has in the long run. */
  smallest: { name: "a shared vCPU", month: 12, cores: 0.3 },
  /** CPU-Optimized, by the cores of a machine. */
  cores: [2, 4, 8, 16, 32, 48],
  core: 21,
  /** What each machine may send; larger ones more. */
  smallestGiB: 2000,
  includedGiB: 4000,
  gib: 0.01,
} as const;

/**
 * What was measured on two cores of an AMD EPYC, with 100,000 agents: of two runs, the dearer.
 *
 * `deno task bench:wire`: bytes of IP packets, microseconds of CPU of the server and of Postgres, and what Postgres sends
 * to the server. Each beat opens a connection with TLS of its own, and its token is verified.
 *
 * `deno task bench:database --agents 100000`: what Postgres takes for them one at a time, as the functions ask it.
 *
 * `deno task bench:fleet`: the busiest second of the hour after an outage, in times of the mean.
 */
export const measured = {
  beat: {
    bytes: 3582,
    replyBytes: 482,
    serverMicros: 568,
    databaseMicros: 78,
    databaseBytes: 6,
    aloneMicros: 438,
  },
  handshake: {
    bytes: 1172,
    replyBytes: 1172,
    serverMicros: 160,
    databaseMicros: 218,
    databaseBytes: 180,
    aloneMicros: 1117,
  },
  peakToMean: 1.24,
} as const;

/** What is planned with. */
export const plan = {
  monthSeconds: 30 * 86_400,
  /** Between two handshakes of an agent, in the mean: a session of 900 s is renewed after 70 to 90 % of it. */
  handshakeSeconds: 720,
  /** How much of its cores a machine may be busy in the busiest second. */
  busy: 0.7,
  /** What a server holds, and for how long it holds one that is idle. */
  connections: 5000,
  idleSeconds: 15,
} as const;
