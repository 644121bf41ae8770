import { assets } from "../../cli/dashboard/assets.generated.ts";
import { renderLogin, renderPage } from "../../cli/dashboard/render.generated.ts";
import type { PageState } from "../../cli/dashboard/state.ts";
import { mapWords } from "../../supabase/functions/agents/map.ts";
import { type FakeAgent, fakeAgent, serverTime } from "./fake_fleet.ts";

/** The policy that the page has to live with. */
export const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const marksEvery = 1000;

export type Row = Record<string, unknown>;

interface Options {
  agents: FakeAgent[];
  incidents?: Row[];
  role?: PageState["role"];
  /** More of the API: a path without its query, and what answers. */
  api?: Record<string, (request: Request) => unknown>;
}

/** An act that the page asked for. */
export interface Acted {
  method: string;
  path: string;
  body: unknown;
  token: string | null;
}

/** The page's server with a fleet in memory: its routes answer as the real ones do, and its clock is the test's. */
export interface FakePage extends AsyncDisposable {
  url: string;
  acted: Acted[];
  /** Paths that were asked for, with their queries. */
  asked: string[];
  /** Changes an agent, and says so on the streams. */
  change: (id: string, changes: Row) => void;
  /** Moves the server's clock, and keeps the streams alive. */
  pass: (seconds: number) => void;
  /** From then on nothing is answered but the page's files; or again. */
  silence: (isSilent: boolean) => void;
  /** From then on each request is refused with 401. */
  endSession: () => void;
}

export function startFakePage({ agents, incidents = [], role = "operator", api = {} }: Options): FakePage {
  let now = Date.parse(serverTime);
  let isSilent = false;
  let isEnded = false;
  const acted: Acted[] = [];
  const asked: string[] = [];
  const streams = new Set<
    { query: URLSearchParams; send: (event: string, data: unknown) => void; end: () => void }
  >();
  const time = (): string => new Date(now).toISOString();
  const state = (query: URLSearchParams): PageState => {
    const { counts, troubles } = countsOf(agents);
    const trouble = [...agents].sort(byTrouble).filter((agent) => rankOf(agent) < 5);
    const { group } = orderOf(query);
    return JSON.parse(JSON.stringify({
      role,
      token: "token-of-this-page",
      version: "0.1.0",
      url: "http://127.0.0.1:54321",
      serverTime: time(),
      query: query.toString(),
      counts,
      troubles,
      trouble: trouble.slice(0, 20),
      troubleCursor: trouble.length > 20 ? "20" : null,
      incidents,
      agents: inOrder(fitting(agents, query), group).slice(0, 20),
      agentsCursor: null,
    }));
  };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, answer);

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams, search } = new URL(request.url);
    const name = pathname.replace("/page/assets/", "");
    const asset = assets[name];
    if (asset !== undefined) return new Response(asset.text, { headers: { "content-type": asset.type } });
    asked.push(pathname + search);
    if (isSilent) return new Response(null, { status: 503 });
    if (pathname === "/page/stream") return isEnded ? refusal() : openStream(searchParams);
    if (pathname === "/") {
      const text = isEnded
        ? renderLogin({ asks: "key", refusal: null, version: "0.1.0" })
        : renderPage(state(searchParams));
      return new Response(text, {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": contentSecurityPolicy,
        },
      });
    }
    if (isEnded) return refusal();
    return await answerApi(request, pathname.replace("/page/api/", ""), searchParams);
  }

  async function answerApi(request: Request, path: string, query: URLSearchParams): Promise<Response> {
    const own = api[path];
    if (request.method !== "GET") {
      const text = await request.clone().text();
      acted.push({
        method: request.method,
        path,
        body: text === "" ? null : JSON.parse(text),
        token: request.headers.get("x-page-token"),
      });
    }
    if (own !== undefined) {
      const reply = own(request);
      return reply instanceof Response ? reply : Response.json(reply);
    }
    if (path === "agents/map") return Response.json(mapOf(query));
    if (path === "agents") return Response.json(pageOf(query));
    if (path === "incidents") return Response.json({ incidents, next_cursor: null, server_time: time() });
    if (path.endsWith("/acknowledge")) return Response.json(incidents[0]);
    const [, id = "", act] = /^agents\/([^/]+)(?:\/(.+))?$/.exec(path) ?? [];
    const agent = agents.find((one) => one.id === id);
    if (agent === undefined) {
      return Response.json({ error: "not_found", error_description: "There is no such agent" }, {
        status: 404,
      });
    }
    if (act === "history") return Response.json({ buckets: [], gaps: [] });
    if (act === "events") return Response.json({ events: [], next_cursor: null, server_time: time() });
    if (request.method === "PATCH") change(id, JSON.parse(await request.text()));
    if (act === "revoke") change(id, { liveness: "revoked", revoked_at: time() });
    return Response.json(agent);
  }

  function refusal(): Response {
    return Response.json({ error: "operator_required", error_description: "Your session has ended" }, {
      status: 401,
    });
  }

  function mapOf(query: URLSearchParams): Row {
    const { group } = orderOf(query);
    const ordered = inOrder(fitting(agents, query), group);
    const groups: { name: string | null; count: number }[] = [];
    for (const agent of ordered) {
      const name = group === "" ? null : labelOf(agent, group);
      const last = groups.at(-1);
      if (last?.name === name && last !== undefined) last.count++;
      else groups.push({ name, count: 1 });
    }
    return {
      words: mapWords,
      cells: ordered.map((agent) => rankOf(agent)).join(""),
      groups,
      groups_count: groups.length,
      marks: Array.from(
        { length: Math.floor(ordered.length / marksEvery) },
        (_, index) => String((index + 1) * marksEvery),
      ),
      marks_every: marksEvery,
      sort: group === "" ? "name" : `label:${group}`,
      order: `${query}${ordered.length}`,
      ...countsOf(fitting(agents, query, false)),
      server_time: time(),
    };
  }

  function pageOf(query: URLSearchParams): Row {
    const sort = query.get("sort") ?? "trouble";
    const all = fitting(agents, query);
    const ordered = sort === "trouble"
      ? [...all].sort(byTrouble)
      : inOrder(all, /^label:(.*)/.exec(sort)?.[1] ?? "");
    const start = Number(query.get("cursor") ?? 0) + Number(query.get("skip") ?? 0);
    const end = start + Number(query.get("limit") ?? 50);
    return {
      agents: ordered.slice(start, end),
      ...countsOf(fitting(agents, query, false)),
      next_cursor: end < ordered.length ? String(end) : null,
      server_time: time(),
    };
  }

  function openStream(query: URLSearchParams): Response {
    const encoder = new TextEncoder();
    let stream: Parameters<typeof streams.delete>[0];
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        let id = 0;
        stream = {
          query,
          send: (event, data) =>
            controller.enqueue(
              encoder.encode(`id: ${++id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
            ),
          end: () => controller.close(),
        };
        streams.add(stream);
        stream.send("map", mapOf(query));
      },
      cancel: () => void streams.delete(stream),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  function change(id: string, changes: Row): void {
    const agent = agents.find((one) => one.id === id);
    if (agent === undefined) throw new Error(`There is no agent "${id}"`);
    Object.assign(agent, changes);
    for (const { query, send } of streams) {
      const ordered = inOrder(fitting(agents, query), orderOf(query).group);
      const index = ordered.findIndex((one) => one.id === id);
      if (index >= 0) send("changes", { at: time(), cells: [[index, String(rankOf(agent))]] });
      send("counts", { at: time(), ...countsOf(fitting(agents, query, false)) });
    }
  }

  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    acted,
    asked,
    change,
    pass(seconds) {
      now += seconds * 1000;
      for (const { send } of streams) send("keepalive", { at: time(), verified_at: time(), every_ms: 1000 });
    },
    silence(is) {
      isSilent = is;
      if (!is) return;
      for (const { end } of streams) end();
      streams.clear();
    },
    endSession() {
      isEnded = true;
      for (const { end } of streams) end();
      streams.clear();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { end } of streams) end();
      await server.shutdown();
    },
  };
}

/** A thousand agents in six sites, ten of them sick: what the pictures show. */
export function sickFleet(count = 1000): FakeAgent[] {
  const sites = ["Graz", "Innsbruck", "Linz", "Salzburg", "Wien", "Zürich"];
  const kinds = ["api", "db", "edge", "queue", "web"];
  const at = (seconds: number): string => new Date(Date.parse(serverTime) - seconds * 1000).toISOString();
  const agents = Array.from({ length: count }, (_, index) => {
    const site = sites[(index * 7) % 11 % 6] ?? "";
    const kind = kinds[index % 5] ?? "";
    const name = `${kind}-${site.toLowerCase().slice(0, 3).replace("ü", "u")}-${
      String(index).padStart(String(count).length - 1, "0")
    }`;
    return fakeAgent(index, {
      name,
      hostname: `${name}.example.net`,
      labels: { site, role: kind },
      liveness_since: at(3600 * (1 + (index * 37) % 400)),
      metrics: { cpu_percent: 10 + index % 60, memory_percent: 40, disk_percent: 61, load_1m: 0.7 },
    });
  });
  const sick: Row[] = [
    { liveness: "offline", liveness_since: at(5400), last_seen_at: at(5595) },
    { liveness: "offline", liveness_since: at(2040), last_seen_at: at(2235) },
    { liveness: "offline", liveness_since: at(1980), last_seen_at: at(2175), muted_until: at(-7200) },
    {
      liveness: "stalled",
      liveness_since: at(900),
      last_progress_at: at(1500),
      busy: true,
      message: "job 8812, step 3 of 9",
    },
    {
      status: "unhealthy",
      liveness_since: at(620),
      message: "disk /var is 97 % full",
      metrics: { cpu_percent: 51, memory_percent: 40, disk_percent: 97, load_1m: 0.7 },
    },
    { liveness: "late", liveness_since: at(31), last_seen_at: at(112) },
    { liveness: "late", liveness_since: at(12), last_seen_at: at(93) },
    {
      copies: [{
        instance_id: "00000000-0000-4000-8000-0000000000c0",
        hostname: "build-7",
        address: "192.0.2.77",
        last_seen_at: at(8),
      }],
    },
    { status: "degraded", message: "replica lags 40 s" },
    { liveness: "stopped", liveness_since: at(7200), last_seen_at: at(7200) },
  ];
  sick.forEach((changes, index) => Object.assign(agents[(index * 97 + 13) % count] ?? {}, changes));
  return agents;
}

function rankOf({ liveness, status, copies }: FakeAgent): number {
  const isBeating = liveness === "online" || liveness === "late";
  const hasCopies = Array.isArray(copies) && copies.length > 0 && liveness !== "revoked";
  const word = liveness === "offline" || liveness === "stalled"
    ? liveness
    : isBeating && status === "unhealthy"
    ? "unhealthy"
    : hasCopies
    ? "copy"
    : liveness === "online" && status === "degraded"
    ? "degraded"
    : liveness;
  return mapWords.indexOf(word);
}

function byTrouble(one: FakeAgent, other: FakeAgent): number {
  return rankOf(one) - rankOf(other) || (String(one.liveness_since) < String(other.liveness_since) ? -1 : 1);
}

function inOrder(agents: FakeAgent[], group: string): FakeAgent[] {
  const key = (agent: FakeAgent): string =>
    `${group === "" ? "" : labelOf(agent, group) ?? "\uffff"}\u0000${agent.name}\u0000${agent.id}`;
  return agents.map((agent) => [key(agent), agent] as const).sort(([one], [other]) => one < other ? -1 : 1)
    .map(([, agent]) => agent);
}

function labelOf({ labels }: FakeAgent, key: string): string | null {
  const value = typeof labels === "object" && labels !== null ? Reflect.get(labels, key) : undefined;
  return typeof value === "string" ? value : null;
}

function fitting(agents: FakeAgent[], query: URLSearchParams, withLiveness = true): FakeAgent[] {
  const q = (query.get("q") ?? "").toLowerCase();
  const liveness = withLiveness ? query.get("liveness")?.split(",") : undefined;
  return agents.filter((agent) =>
    (liveness === undefined || liveness.includes(agent.liveness)) &&
    (q === "" || agent.name.toLowerCase().includes(q) || String(agent.hostname).toLowerCase().includes(q)) &&
    query.getAll("label").every((label) => {
      const [key = "", ...rest] = label.split(":");
      const value = labelOf(agent, key);
      return value !== null && (rest.length === 0 || value === rest.join(":"));
    })
  );
}

function countsOf(agents: FakeAgent[]): { counts: Record<string, number>; troubles: Record<string, number> } {
  const counts: Record<string, number> = {};
  for (const { liveness } of agents) counts[liveness] = (counts[liveness] ?? 0) + 1;
  return {
    counts,
    troubles: {
      unhealthy: agents.filter((agent) => rankOf(agent) === 2).length,
      copies:
        agents.flatMap(({ liveness, copies }) =>
          liveness !== "revoked" && Array.isArray(copies) ? copies : []
        ).length,
    },
  };
}

function orderOf(query: URLSearchParams): { group: string } {
  return { group: query.get("group") ?? "" };
}
