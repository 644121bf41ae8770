import { readAgent } from "../../supabase/functions/_shared/database/agents.ts";
import { readIncident } from "../../supabase/functions/_shared/database/incidents.ts";
import {
  each,
  entries,
  number,
  orNull,
  record,
  text,
} from "../../supabase/functions/_shared/database/readers.ts";
import { ContractError } from "../../supabase/functions/_shared/http/errors.ts";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";
import type { Session } from "./sessions.ts";
import type { Agent, PageState } from "./state.ts";
import type { Upstream } from "./upstream.ts";
import type { Visit } from "./visit.ts";

const rows = "20";
/** What the page's own query may say. */
const words = ["liveness", "label", "q", "group"];

/**
 * What the page begins with.
 *
 * @throws {ContractError} `operator_required` when the session's credential does not hold any more, `unavailable`
 */
export async function readState(
  upstream: Upstream,
  { viewer, token }: Session,
  { request, socketAddress, version, servedUrl }: Visit & { version: string; servedUrl: string },
): Promise<PageState> {
  const ask = async (path: string, query: URLSearchParams): Promise<Record<string, unknown> | null> => {
    const { headers } = request;
    const noText = (): Promise<string> => Promise.resolve("");
    return bodyOf(
      await upstream.ask(viewer, { method: "GET", path, query, headers, text: noText, socketAddress }),
    );
  };
  const query = wordsOf(request.query);
  const [worst, incidents, listed] = await Promise.all([
    ask("agents", new URLSearchParams({ sort: "trouble", limit: rows })),
    ask("incidents", new URLSearchParams({ state: "open", limit: rows })),
    ask("agents", listQuery(query)),
  ]);
  if (worst === null || incidents === null) {
    throw new TypeError("Cannot read the fleet: the API refuses to list it");
  }
  const agents = each(readAgent)(worst.agents);
  const trouble = agents.filter(isTrouble);
  // A filter that the API refuses is left out.
  const list = listed ?? await ask("agents", listQuery(new URLSearchParams())) ?? worst;
  return {
    role: viewer.role,
    token,
    version,
    url: servedUrl,
    serverTime: text(worst.server_time),
    query: listed === null ? "" : query.toString(),
    counts: entries(number)(worst.counts),
    troubles: entries(number)(worst.troubles),
    trouble,
    troubleCursor: trouble.length === agents.length ? orNull(text)(worst.next_cursor) : null,
    incidents: each(readIncident)(incidents.incidents),
    agents: each(readAgent)(list.agents),
    agentsCursor: orNull(text)(list.next_cursor),
  };
}

/** Whether an agent needs a look: what comes before `pending` in the order of trouble. */
function isTrouble({ liveness, status, copies }: Agent): boolean {
  if (liveness === "revoked") return false;
  if (["offline", "stalled", "late"].includes(liveness) || copies.length > 0) return true;
  return liveness === "online" && (status === "unhealthy" || status === "degraded");
}

function wordsOf(query: Readonly<URLSearchParams>): URLSearchParams {
  return new URLSearchParams([...query].filter(([name]) => words.includes(name)));
}

function filtersOf(query: URLSearchParams): [name: string, value: string][] {
  return [...query].filter(([name]) => name !== "group");
}

/** The first rows in the order of the map. */
function listQuery(query: URLSearchParams): URLSearchParams {
  const group = query.get("group");
  const sort = group === null ? "name" : `label:${group}`;
  return new URLSearchParams([...filtersOf(query), ["sort", sort], ["limit", rows], ["counts", "false"]]);
}

/** The fields of a reply; null for what the request was refused for. */
function bodyOf({ status, body }: Reply): Record<string, unknown> | null {
  const fields = record(
    JSON.parse(typeof body === "string" ? body : new TextDecoder().decode(body ?? undefined)),
  );
  if (status < 400) return fields;
  if (status === 401) throw new ContractError("operator_required", text(fields.error_description));
  if (status === 400) return null;
  throw new ContractError("unavailable", text(fields.error_description), { retryAfterSeconds: 5 });
}
