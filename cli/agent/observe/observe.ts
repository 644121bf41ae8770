import { longestText } from "../../api/agent.ts";
import { askMetrics, askStatus, type Part, statuses } from "./commands.ts";
import { watchGateway } from "./gateway.ts";
import { HostMetrics, type Metrics } from "./host_metrics.ts";
import type { Observation } from "./observation.ts";
import { probe } from "./page.ts";
import { watchProgressFile } from "./progress_file.ts";

/** What the administrator wants to be looked at besides the host itself. */
export interface Watched {
  statusCommand: string[] | null;
  metricsCommand: string[] | null;
  /** The client is asked for each time: it may be another once the credentials were read again. */
  probe: { url: string; client: () => Deno.HttpClient | undefined; hangUp?: () => void } | null;
  /** A file that changes as long as work moves. */
  progressFile: string | null;
  /** The port of the AI gateway on this host. */
  gatewayPort: number | null;
}

/** Nothing but the host itself. */
export const unwatched: Watched = {
  statusCommand: null,
  metricsCommand: null,
  probe: null,
  progressFile: null,
  gatewayPort: null,
};

const mostMetrics = 32;

/** Makes the one function that looks at the host before each beat. It never fails and takes at most 10 s. */
export function makeObserver(
  watched: Watched,
  warn: (text: string) => void,
): (signal: AbortSignal) => Promise<Observation> {
  const host = new HostMetrics();
  const looks = looksAt(watched);
  const complainOnce = looks.map(() => onlyOnce(warn));
  const warnOfRoom = onlyOnce(warn);
  let lastWork: Observation["work"];
  return async (signal) => {
    const parts = await Promise.all(looks.map((look) => look(signal)));
    for (const [index, { complaint }] of parts.entries()) {
      if (complaint !== undefined) complainOnce[index]?.(complaint);
    }
    const { dropped, ...observation } = merge(await host.sample(), parts);
    // Work of which nobody can tell any more stands where it stood.
    lastWork = observation.work ?? lastWork;
    if (dropped > 0) {
      warnOfRoom(`a beat has room for ${mostMetrics} metrics: ${dropped} are left out, the host's own first`);
    }
    return lastWork === undefined ? observation : { ...observation, work: lastWork };
  };
}

function looksAt(
  { probe: page, progressFile, gatewayPort, statusCommand, metricsCommand }: Watched,
): ((signal: AbortSignal) => Promise<Part>)[] {
  return [
    ...(gatewayPort === null ? [] : [(signal: AbortSignal) => watchGateway(gatewayPort, signal)]),
    ...(progressFile === null ? [] : [watchProgressFile(progressFile)]),
    ...(page === null ? [] : [(signal: AbortSignal) => probe(page, signal)]),
    ...(statusCommand === null ? [] : [(signal: AbortSignal) => askStatus(statusCommand, signal)]),
    ...(metricsCommand === null ? [] : [(signal: AbortSignal) => askMetrics(metricsCommand, signal)]),
  ];
}

function onlyOnce(warn: (text: string) => void): (text: string) => void {
  let warned = false;
  return (text) => {
    if (!warned) warn(text);
    warned = true;
  };
}

/**
 * The worst status, every message, and at most as many metrics as a beat may have. What the administrator's own
 * commands say outweighs what the host says under the same name.
 */
function merge(host: Metrics, parts: Observation[]): Observation & { dropped: number } {
  const worst = Math.max(0, ...parts.map(({ status }) => statuses.findIndex((one) => one === status)));
  const status = statuses[worst] ?? "healthy";
  const message = parts.map((part) => part.message).filter((text) => text !== undefined).join("; ");
  // Of two that tell of work, the status command.
  const work = parts.findLast((part) => part.work !== undefined)?.work;
  const own = new Map(parts.flatMap((part) => Object.entries(part.metrics)));
  const all = [...own, ...Object.entries(host).filter(([name]) => !own.has(name))];
  return {
    status,
    metrics: Object.fromEntries(all.slice(0, mostMetrics)),
    dropped: Math.max(0, all.length - mostMetrics),
    ...(work === undefined ? {} : { work }),
    ...(message === "" ? {} : { message: [...message].slice(0, longestText).join("") }),
  };
}
