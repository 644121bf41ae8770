import { type Endpoint, resource } from "../../supabase/functions/_shared/http/routes.ts";
import { readJson, readOptionalJson } from "../../supabase/functions/_shared/http/body.ts";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import type { Fields } from "../../supabase/functions/_shared/http/fields.ts";
import type { Incoming } from "../../supabase/functions/_shared/http/messages.ts";
import { isRecord } from "../../supabase/functions/_shared/values.ts";
import { listAgents } from "../../supabase/functions/agents/list.ts";
import { createAgent } from "../../supabase/functions/create-agent/handler.ts";
import { handshake } from "../../supabase/functions/handshake/handler.ts";
import { heartbeat, showHeartbeat } from "../../supabase/functions/heartbeat/handler.ts";

const olderStatuses: Readonly<Record<string, string>> = { idle: "healthy", error: "unhealthy" };

/**
 * The paths that agents used before there were functions. Only here, a beat of that time is understood: its words for
 * the status, and metrics that are text, which are left out.
 */
export const olderPaths: ReadonlyMap<string, Endpoint> = new Map([
  ["/api/agents", resource("agents", { GET: listAgents, POST: createAgent })],
  [
    "/api/agents/handshake",
    resource("handshake", { POST: (request, deps) => handshake(request, deps, { read: readHandshake }) }),
  ],
  [
    "/api/heartbeat",
    resource("heartbeat", {
      GET: showHeartbeat,
      POST: (request, deps) => heartbeat(request, deps, { read: readBeat }),
    }),
  ],
]);

async function readBeat(request: Incoming): Promise<Fields> {
  const { status, metrics, ...fields } = await readOptionalJson(request);
  return {
    ...fields,
    ...(status === undefined ? {} : { status: newerStatus(status) }),
    ...(metrics === undefined ? {} : { metrics: onlyNumbers(metrics) }),
  };
}

function newerStatus(status: unknown): unknown {
  return typeof status === "string" && Object.hasOwn(olderStatuses, status) ? olderStatuses[status] : status;
}

function onlyNumbers(metrics: unknown): unknown {
  if (!isRecord(metrics)) return metrics;
  return Object.fromEntries(Object.entries(metrics).filter(([, metric]) => Number.isFinite(metric)));
}

async function readHandshake(request: Incoming): Promise<Fields> {
  const fields = await readJson(request);
  if (fields.signature === undefined || fields.agent_secret !== undefined) return fields;
  throw new ContractError(
    "invalid_request",
    'Cannot check "signature": this server keeps no secret to check it with, expected "agent_secret"; ' +
      "install the agent anew with an installer of GET /functions/v1/install",
  );
}
