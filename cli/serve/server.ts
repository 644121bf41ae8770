import ipaddr from "npm:ipaddr.js@2.5.0";
import { isLoopback } from "../../supabase/functions/_shared/address.ts";
import { makeBackend } from "../../supabase/functions/_shared/backend.ts";
import { Deliverer } from "../../supabase/functions/_shared/channels/deliverer.ts";
import { noMail } from "../../supabase/functions/_shared/channels/send.ts";
import { batching } from "../../supabase/functions/_shared/database/batch.ts";
import { databaseOver } from "../../supabase/functions/_shared/database/port.ts";
import { refuserOf, respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import {
  type Environment,
  readKeyRing,
  readSmtp,
  type Settings,
} from "../../supabase/functions/_shared/env.ts";
import type { Log } from "../../supabase/functions/_shared/log.ts";
import { Meter } from "../../supabase/functions/_shared/meter.ts";
import { supabaseOperators } from "../../supabase/functions/_shared/operator.ts";
import { digestSecret } from "../../supabase/functions/_shared/secret.ts";
import { version } from "../../supabase/functions/_shared/version.ts";
import { Dashboard } from "../dashboard/dashboard.ts";
import { embeddedUpstream } from "../dashboard/embedded.ts";
import { tickJob } from "./tick.ts";
import { copiesJob, deliveriesJob, historyJob, upkeepJob } from "./upkeep.ts";
import type { Store } from "./store/connection.ts";
import {
  type DataFolder,
  openDataFolder,
  readOperatorKey,
  readReaderKey,
  readSigningKeys,
  writeUrl,
} from "./data_folder.ts";
import { assertFree, listen, usualLimits } from "./listen.ts";
import { pinnedPost } from "./post.ts";
import { findEndpoint } from "./routes.ts";
import { otherMonitorJob } from "./other_monitor.ts";
import { Pulse } from "./pulse.ts";
import { Schedule } from "./schedule.ts";
import { StartError } from "./start_error.ts";

export interface ServeOptions {
  hostname: string;
  port: number;
  data: string;
  /** A real Postgres; null for the embedded one. */
  databaseUrl: string | null;
  tls: { cert: string; key: string } | null;
  /** Whether to begin with the newest snapshot of the embedded Postgres. */
  restore: boolean;
  /** Where the server beats itself; null for nowhere. */
  otherMonitor?: URL | null;
  /** How many connections to hold; as many as the process may open files for, where it is left out. */
  connections?: number;
}

export interface RunningServer {
  url: string;
  /** See `Listener`. */
  endsHandshakes: boolean;
  operatorKeyPath: string;
  readerKeyPath: string;
  /** How many agents there were at the start, by liveness. */
  agents: Readonly<Record<string, number>>;
  /** Takes no more requests, finishes what is in flight, closes the database and gives the folder back. */
  stop: () => Promise<void>;
}

/**
 * Starts the embedded server: the functions' handlers over PGlite or Postgres, in one process.
 *
 * @throws {StartError} when it cannot start for a reason that its user can fix
 */
export async function startServer(
  options: ServeOptions,
  { env, settings, log }: { env: Environment; settings: Settings; log: Log },
): Promise<RunningServer> {
  const { otherMonitor = null } = options;
  assertReachable(options, settings.publicUrl);
  const folder = await openDataFolder(options.data);
  const opened: (() => Promise<void> | void)[] = [() => folder.release()];
  try {
    const smtp = readSmtp(env);
    const given = env("AGENT_JWT_KEYS") ? await readKeyRing(env) : null;
    assertFree(options);
    const store = await openStore(options, { folder, log });
    opened.push(() => store.close());
    // Before anything is written: a start that fails leaves the snapshots as they are.
    const operatorKey = await readOperatorKey(folder);
    const readerKey = await readReaderKey(folder);
    const keys = given ?? await readSigningKeys(folder);
    const database = batching(databaseOver(store.call), store);
    const transports = {
      post: pinnedPost({ loopback: true, private: settings.privateTargets }),
      mail: smtp === null ? noMail("OPENCLAW_SMTP_URL") : (await import("./mail.ts")).smtpMail(smtp),
    };
    const deliverer = new Deliverer({ database, transports, log, now: () => new Date() });
    opened.push(() => deliverer.stop());
    const pulse = new Pulse(tickJob(database, log));
    const heartbeat = otherMonitor === null ? [] : [otherMonitorJob(otherMonitor, { database, pulse, log })];
    const jobs = [
      ...store.jobs,
      pulse.job,
      upkeepJob(database, log),
      copiesJob(database),
      historyJob(database, settings.historyDays),
      deliveriesJob(deliverer),
      ...heartbeat,
    ];
    const schedule = new Schedule(jobs, log);
    opened.push(() => schedule.stop());
    const agents = await database.agents.count();
    const work = new Set<Promise<void>>();
    opened.push(async () => void await Promise.all(work));
    const { connections } = options;
    const limits = connections === undefined ? usualLimits : { ...usualLimits, connections };
    const listener = await listen(options, limits);
    opened.push(() => listener.close());
    const backend = makeBackend({
      settings,
      url: listener.url,
      keys,
      database,
      transports,
      deliverer,
      operators: supabaseOperators({
        url: listener.url,
        secretKeys: { default: operatorKey },
        readerKeyDigest: digestSecret(readerKey),
        userKeys: () => Promise.resolve({ keys: [] }),
      }),
      log,
      meter: new Meter(),
      waitUntil(task) {
        work.add(task);
        task.finally(() => work.delete(task));
      },
    });
    const dashboard = new Dashboard({
      upstream: embeddedUpstream(backend, findEndpoint),
      url: listener.url,
      publicUrl: settings.publicUrl,
      servedUrl: settings.publicUrl ?? listener.url,
      version,
      ...backend,
    });
    opened.push(() => dashboard.stop());
    listener.handle((request, socketAddress) => {
      if (dashboard.takes(request)) return dashboard.respond(request, socketAddress);
      const { endpoint, subpath } = findEndpoint(request.pathname);
      return respond(endpoint, request, backend, { subpath, socketAddress });
    }, refuserOf(log));
    await writeUrl(folder, settings.publicUrl ?? listener.url);
    log.line("info", "server started", {
      url: listener.url,
      issuer: backend.issuer,
      signing_key: keys.signing.kid,
    });
    return {
      url: listener.url,
      endsHandshakes: listener.endsHandshakes,
      operatorKeyPath: folder.operatorKeyPath,
      readerKeyPath: folder.readerKeyPath,
      agents,
      stop: () => stop(opened, log),
    };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/**
 * Sessions and installers name the server by its public URL, or by the address that it listens on, which has to be one
 * that agents can reach, and that secrets may be sent to.
 */
function assertReachable({ hostname, tls }: ServeOptions, publicUrl: string | null): void {
  const isEvery = ipaddr.isValid(hostname) && ipaddr.process(hostname).range() === "unspecified";
  if (publicUrl !== null || isLoopback(hostname) || (tls !== null && !isEvery)) return;
  const what = isEvery
    ? "is every address of this host, and no name for it"
    : "is open to others without TLS";
  throw new StartError(
    `Cannot listen on ${hostname}: it ${what}, and --public-url, which names the server to its agents, is missing`,
    "openclaw serve --host 0.0.0.0 --public-url https://fleet.example.com",
    { failure: "usage" },
  );
}

/** Each kind is loaded only where it is used: the embedded Postgres is large. */
async function openStore(
  { databaseUrl, restore }: ServeOptions,
  { folder, log }: { folder: DataFolder; log: Log },
): Promise<Store> {
  if (databaseUrl !== null) return await (await import("./store/postgres.ts")).openPostgres(databaseUrl);
  const { openPglite } = await import("./store/pglite.ts");
  return await openPglite({ folder: folder.databasePath, snapshots: folder.snapshotsPath, restore, log });
}

async function stop(opened: (() => Promise<void> | void)[], log: Log): Promise<void> {
  await closeAll(opened);
  log.flush();
  log.line("info", "server stopped");
}

async function closeAll(opened: (() => Promise<void> | void)[]): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}
