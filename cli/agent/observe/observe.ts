import { longestText, type Status } from "../../api/agent.ts";
import { printable } from "../../terminal/printable.ts";
import { type Fields, parseObject } from "../../host/json.ts";
import { HostMetrics, type Metrics } from "./host_metrics.ts";
import { type Ending, runProgram } from "../../host/child.ts";

/** What a beat says of the host. */
export interface Observation {
  status: Status;
  message?: string | undefined;
  metrics: Metrics;
}

/** What the administrator wants to be looked at besides the host itself. */
export interface Watched {
  statusCommand: string[] | null;
  metricsCommand: string[] | null;
  /** The client is asked for each time: it may be another once the credentials were read again. */
  probe: { url: string; client: () => Deno.HttpClient | undefined; hangUp?: () => void } | null;
}

const programSeconds = 10;
const probeSeconds = 5;
const mostMetrics = 32;
const statuses: Status[] = ["healthy", "degraded", "unhealthy"];

/** Makes the one function that looks at the host before each beat. It never fails and takes at most 10 s. */
export function makeObserver(
  watched: Watched,
  warn: (text: string) => void,
): (signal: AbortSignal) => Promise<Observation> {
  const host = new HostMetrics();
  let complained = false;
  return async (signal) => {
    const parts = await Promise.all([
      watched.probe === null ? nothing : probe(watched.probe, signal),
      watched.statusCommand === null ? nothing : askStatus(watched.statusCommand, signal),
      watched.metricsCommand === null ? nothing : askMetrics(watched.metricsCommand, signal),
    ]);
    const { dropped, ...observation } = merge(await host.sample(), parts);
    if (dropped > 0 && !complained) {
      complained = true;
      warn(`a beat has room for ${mostMetrics} metrics: ${dropped} are left out, the host's own first`);
    }
    return observation;
  };
}

const nothing: Observation = { status: "healthy", metrics: {} };

/**
 * The worst status, every message, and at most as many metrics as a beat may have. What the administrator's own
 * commands say outweighs what the host says under the same name.
 */
function merge(host: Metrics, parts: Observation[]): Observation & { dropped: number } {
  const status = statuses[Math.max(...parts.map((part) => statuses.indexOf(part.status)))] ?? "healthy";
  const message = parts.map((part) => part.message).filter((text) => text !== undefined).join("; ");
  const own = new Map(parts.flatMap((part) => Object.entries(part.metrics)));
  const all = [...own, ...Object.entries(host).filter(([name]) => !own.has(name))];
  return {
    status,
    metrics: Object.fromEntries(all.slice(0, mostMetrics)),
    dropped: Math.max(0, all.length - mostMetrics),
    ...(message === "" ? {} : { message: [...message].slice(0, longestText).join("") }),
  };
}

/** A health page of the agent itself: how long it took, and whether it failed. */
async function probe(
  { url, client: clientNow, hangUp }: NonNullable<Watched["probe"]>,
  given: AbortSignal,
): Promise<Observation> {
  const client = clientNow();
  const started = performance.now();
  const timeout = AbortSignal.timeout(probeSeconds * 1000);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([given, timeout]),
      ...(client === undefined ? {} : { client }),
    });
    await response.body?.cancel();
    const metrics = { latency_ms: Math.round(performance.now() - started) };
    if (response.ok) return { status: "healthy", metrics };
    return { status: "degraded", message: `the probe answered ${response.status}`, metrics };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (timeout.aborted) hangUp?.();
    const what = timeout.aborted ? `did not answer within ${probeSeconds} s` : "cannot be reached";
    return { status: "degraded", message: `the probe ${what}`, metrics: {} };
  }
}

/** JSON with a `status`, else the exit code: 0 healthy, 1 degraded, any other unhealthy. */
async function askStatus(command: string[], signal: AbortSignal): Promise<Observation> {
  const ending = await runProgram(command, { seconds: programSeconds, signal });
  if (ending.fault !== null) return failed("status", ending);
  const said = parseObject(ending.stdout);
  const byCode = ending.code === 0 ? "healthy" : ending.code === 1 ? "degraded" : "unhealthy";
  const status = statuses.find((one) => one === said?.status) ?? byCode;
  const text = typeof said?.message === "string" ? said.message : said === null ? ending.stdout : "";
  const message = printable(text.trim().split("\n")[0] ?? "");
  return { status, metrics: numbersOf(said?.metrics), ...(message === "" ? {} : { message }) };
}

/** JSON: an object of numbers. */
async function askMetrics(command: string[], signal: AbortSignal): Promise<Observation> {
  const ending = await runProgram(command, { seconds: programSeconds, signal });
  if (ending.fault !== null) return failed("metrics", ending);
  const said = parseObject(ending.stdout);
  if (said === null || ending.code !== 0) {
    const what = said === null ? "printed no JSON object" : `ended with ${ending.code}`;
    return { status: "degraded", message: `the metrics command ${what}`, metrics: {} };
  }
  return { status: "healthy", metrics: numbersOf(said) };
}

function failed(what: string, { fault }: Ending): Observation {
  return {
    status: what === "status" ? "unhealthy" : "degraded",
    message: `the ${what} command failed: ${fault}`,
    metrics: {},
  };
}

/** What the server would take: finite numbers with names of its form. */
function numbersOf(value: unknown): Metrics {
  const fields: Fields = typeof value === "object" && value !== null ? { ...value } : {};
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, number] =>
      /^[a-z][a-z0-9_]{0,62}$/.test(entry[0]) && typeof entry[1] === "number" && Number.isFinite(entry[1])
    ),
  );
}
