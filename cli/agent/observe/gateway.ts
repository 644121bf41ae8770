import { parseObject } from "../../host/json.ts";
import { printable } from "../../terminal/printable.ts";
import type { Metrics } from "./host_metrics.ts";
import type { Observation } from "./observation.ts";
import { type Answer, askPage } from "./page.ts";

const longestVersion = 40;

/** Looks at the AI gateway that npm calls openclaw. Its two pages need no token on its own host. */
export async function watchGateway(port: number, signal: AbortSignal): Promise<Observation> {
  const [ready, startup] = await Promise.all(
    ["readyz", "startupz"].map((page) =>
      askPage(`http://127.0.0.1:${port}/${page}`, { signal, reads: true })
    ),
  );
  return judgeGateway(ready ?? noAnswer, startup ?? noAnswer, port);
}

const noAnswer: Answer = { fault: "was not asked" };

/** Only a gateway that says that it is ready is healthy. */
export function judgeGateway(ready: Answer, startup: Answer, port: number): Observation {
  if ("fault" in ready) return { status: "unhealthy", message: `the gateway ${ready.fault}`, metrics: {} };
  const said = parseObject(ready.text);
  const started = "fault" in startup ? null : parseObject(startup.text);
  if (typeof said?.ready !== "boolean") {
    const message = `what answers at port ${port} (status ${ready.status}) is not the gateway`;
    return { status: "unhealthy", message, metrics: {} };
  }
  const metrics = { latency_ms: ready.milliseconds, ...uptimeOf(said.uptimeMs ?? started?.uptimeMs) };
  const gateway = `the gateway${versionOf(started?.version)}`;
  if (said.ready && ready.status === 200) {
    return { status: "healthy", message: `${gateway} is ready`, metrics };
  }
  return { status: "unhealthy", message: `${gateway} is not ready${partsOf(said.failing)}`, metrics };
}

function uptimeOf(milliseconds: unknown): Metrics {
  if (typeof milliseconds !== "number" || !(milliseconds >= 0 && milliseconds < Infinity)) return {};
  return { gateway_uptime_seconds: Math.floor(milliseconds / 1000) };
}

function versionOf(version: unknown): string {
  return typeof version === "string" ? ` ${printable(version).slice(0, longestVersion)}` : "";
}

function partsOf(failing: unknown): string {
  const parts = Array.isArray(failing) ? failing.filter((part) => typeof part === "string") : [];
  return parts.length === 0 ? "" : `: ${printable(parts.join(", "))}`;
}
