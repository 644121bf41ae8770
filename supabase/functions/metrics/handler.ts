import type { Backend } from "../_shared/backend.ts";
import { type FleetNumbers, livenessWords } from "../_shared/database/port.ts";
import type { Incoming, Reply } from "../_shared/http/messages.ts";
import { type Exchange, resource } from "../_shared/http/routes.ts";
import { bounds, type Meter } from "../_shared/meter.ts";
import { scopeOf } from "../_shared/operator.ts";
import { version } from "../_shared/version.ts";
import { incidentKinds } from "../_shared/incident_kinds.ts";
import { contentType, exposition, type Family, type Sample } from "./exposition.ts";

type Deps = Pick<Backend, "database" | "operators" | "refusals" | "meter"> & Exchange;

export const endpoint = resource("metrics", { GET: metrics });

const deliveryStates = ["pending", "delivered", "failed"] as const;

/**
 * The fleet of an operator or reader in numbers, for Prometheus. What the process has counted is everybody's: only who
 * sees all rows gets it.
 */
export async function metrics(request: Incoming, deps: Deps): Promise<Reply> {
  const scope = scopeOf(await deps.operators.identifyReader(request, deps));
  const fleet = await deps.database.fleet.measure(scope);
  const families = [
    ...ofFleet(fleet),
    ...(scope === null && deps.meter !== null ? ofProcess(deps.meter) : []),
  ];
  return { status: 200, headers: { "content-type": contentType }, body: exposition(families) };
}

function ofFleet(fleet: FleetNumbers): Family[] {
  return [
    {
      name: "openclaw_agents",
      help: "Agents by liveness",
      type: "gauge",
      // Those of no agent, too: an alert needs a zero.
      samples: livenessWords.map((liveness) => ({
        labels: { liveness },
        value: fleet.agents[liveness] ?? 0,
      })),
    },
    gauge("openclaw_agents_unhealthy", "Agents that beat, and say that they are unhealthy", fleet.unhealthy),
    gauge("openclaw_agents_muted", "Agents that are muted now", fleet.muted),
    gauge("openclaw_copies", "Copies of agents' identities that were seen", fleet.copies),
    gauge("openclaw_heartbeats", "Heartbeats of the agents that there are", fleet.heartbeats),
    gauge("openclaw_handshakes", "Handshakes of the agents that there are", fleet.handshakes),
    gauge(
      "openclaw_refused_handshakes",
      "Refused handshakes of the agents that there are",
      fleet.refused_handshakes,
    ),
    {
      name: "openclaw_incidents_open",
      help: "Incidents that are open, by kind",
      type: "gauge",
      samples: incidentKinds.map((kind) => ({ labels: { kind }, value: fleet.incidents[kind] ?? 0 })),
    },
    {
      name: "openclaw_deliveries",
      help: "Messages to channels that are kept, by state",
      type: "gauge",
      samples: deliveryStates.map((state) => ({ labels: { state }, value: fleet.deliveries[state] ?? 0 })),
    },
    {
      name: "openclaw_build_info",
      help: "The version that answers",
      type: "gauge",
      samples: [{ labels: { version }, value: 1 }],
    },
  ];
}

function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: "gauge", samples: [{ value }] };
}

function ofProcess({ seen }: Meter): Family[] {
  return [
    {
      name: "openclaw_requests_total",
      help: "Requests that this server has answered, by endpoint and status",
      type: "counter",
      samples: [...seen].flatMap(([endpoint, { byStatus }]) =>
        [...byStatus].map(([status, value]) => ({ labels: { endpoint, status: String(status) }, value }))
      ),
    },
    {
      name: "openclaw_request_duration_seconds",
      help: "How long this server took to answer, by endpoint",
      type: "histogram",
      samples: [...seen].flatMap(([endpoint, { buckets, sumSeconds }]) =>
        histogram(endpoint, { buckets, sumSeconds })
      ),
    },
  ];
}

/** A bucket of Prometheus counts what the smaller ones count, too. */
function histogram(
  endpoint: string,
  { buckets, sumSeconds }: { buckets: number[]; sumSeconds: number },
): Sample[] {
  let count = 0;
  const samples: Sample[] = [...bounds.map(String), "+Inf"].map((le, index) => {
    count += buckets[index] ?? 0;
    return { suffix: "_bucket", labels: { endpoint, le }, value: count };
  });
  return [
    ...samples,
    { suffix: "_sum", labels: { endpoint }, value: sumSeconds },
    { suffix: "_count", labels: { endpoint }, value: count },
  ];
}
