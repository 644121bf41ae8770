/** A page of a stand-in for the AI gateway; null: nothing is at its port, "hang": no answer comes. */
export type Page = { status: number; body: string } | "hang" | null;

/** What a look at a gateway, or at a page, comes to, in the program and in every script agent. */
export interface LookCase {
  name: string;
  /** What is asked for: the gateway at a port, or one page. */
  watches: "gateway" | "page";
  pages: { readyz?: Page; startupz?: Page; health?: Page };
  status: "healthy" | "degraded" | "unhealthy";
  message: string;
  /** The metrics, `latency_ms` by its name only. */
  metrics: Record<string, number>;
}

const started = page(200, { ok: true, status: "started", version: "2026.9.6", uptimeMs: 61_900 });
const ready = page(200, {
  ready: true,
  failing: [],
  uptimeMs: 1_234_567_890,
  eventLoop: { degraded: false, reasons: [], maxMs: 3.5 },
  conditions: [{ type: "GatewayStartupComplete", status: "True", requirement: "required", message: "ok" }],
});
const measured = { latency_ms: NaN };

export const lookCases: LookCase[] = [
  {
    name: "a gateway that is ready → healthy, with its version, and its uptime in seconds",
    watches: "gateway",
    pages: { readyz: ready, startupz: started },
    status: "healthy",
    message: "the gateway 2026.9.6 is ready",
    metrics: { ...measured, gateway_uptime_seconds: 1_234_567 },
  },
  {
    name: "a gateway that tells its version to nobody → healthy without it",
    watches: "gateway",
    pages: { readyz: page(200, { ready: true }), startupz: page(200, { ok: true, status: "started" }) },
    status: "healthy",
    message: "the gateway is ready",
    metrics: measured,
  },
  {
    name: "a gateway whose startup page fails → its readiness counts",
    watches: "gateway",
    pages: { readyz: page(200, { ready: true }), startupz: { status: 404, body: "Not Found" } },
    status: "healthy",
    message: "the gateway is ready",
    metrics: measured,
  },
  {
    name: "a gateway of which parts fail → unhealthy, and they are the message",
    watches: "gateway",
    pages: {
      readyz: page(503, { ready: false, failing: ["telegram", "ChannelRuntimeUnavailable"], uptimeMs: 5000 }),
      startupz: started,
    },
    status: "unhealthy",
    message: "the gateway 2026.9.6 is not ready: telegram, ChannelRuntimeUnavailable",
    metrics: { ...measured, gateway_uptime_seconds: 5 },
  },
  {
    name: "a gateway that is not ready and names nothing → unhealthy",
    watches: "gateway",
    pages: { readyz: page(503, { ready: false }), startupz: page(503, { ok: false, status: "starting" }) },
    status: "unhealthy",
    message: "the gateway is not ready",
    metrics: measured,
  },
  {
    name: "a gateway that answers 200 and is not ready → unhealthy",
    watches: "gateway",
    pages: { readyz: page(200, { ready: false, failing: ["agents"] }), startupz: started },
    status: "unhealthy",
    message: "the gateway 2026.9.6 is not ready: agents",
    metrics: { ...measured, gateway_uptime_seconds: 61 },
  },
  {
    name: "a gateway that says ready with 503 → unhealthy",
    watches: "gateway",
    pages: { readyz: page(503, { ready: true }), startupz: started },
    status: "unhealthy",
    message: "the gateway 2026.9.6 is not ready",
    metrics: { ...measured, gateway_uptime_seconds: 61 },
  },
  {
    name: "something else at the gateway's port → unhealthy",
    watches: "gateway",
    pages: { readyz: { status: 200, body: "<h1>It works!</h1>" }, startupz: { status: 404, body: "" } },
    status: "unhealthy",
    message: "what answers at port PORT (status 200) is not the gateway",
    metrics: {},
  },
  {
    name: "nothing at the gateway's port → unhealthy",
    watches: "gateway",
    pages: { readyz: null, startupz: null },
    status: "unhealthy",
    message: "the gateway cannot be reached",
    metrics: {},
  },
  {
    name: "a gateway that hangs → unhealthy",
    watches: "gateway",
    pages: { readyz: "hang", startupz: "hang" },
    status: "unhealthy",
    message: "the gateway did not answer within 5 s",
    metrics: {},
  },
  ...[200, 204].map((status) => pageCase(status, "healthy")),
  ...[302, 404, 500, 503].map((status) => pageCase(status, "degraded")),
  {
    name: "nothing at a page's port → unhealthy, without a latency",
    watches: "page",
    pages: { health: null },
    status: "unhealthy",
    message: "the probe cannot be reached",
    metrics: {},
  },
  {
    name: "a page that hangs → unhealthy, without a latency",
    watches: "page",
    pages: { health: "hang" },
    status: "unhealthy",
    message: "the probe did not answer within 5 s",
    metrics: {},
  },
];

function pageCase(status: number, verdict: LookCase["status"]): LookCase {
  return {
    name: `a page that answers ${status} → ${verdict}`,
    watches: "page",
    pages: { health: { status, body: "" } },
    status: verdict,
    message: verdict === "healthy" ? "" : `the probe answered ${status}`,
    metrics: measured,
  };
}

function page(status: number, body: object): Page {
  return { status, body: JSON.stringify(body) };
}

/** The stand-in of a case, and where it is; `using stage = startStage(one)` closes it at the end of the block. */
export function startStage({ pages }: LookCase): Disposable & { port: number } {
  const isNothing = Object.values(pages).every((one) => one === null);
  const stop = new AbortController();
  const hung = Promise.withResolvers<Response>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined, signal: stop.signal },
    (request) => {
      const found = new Map<string, Page>(Object.entries(pages)).get(new URL(request.url).pathname.slice(1));
      if (found === "hang") return hung.promise;
      if (found === undefined || found === null) return new Response("", { status: 404 });
      const body = found.status === 204 ? null : found.body;
      return new Response(body, { status: found.status, headers: { location: "/elsewhere" } });
    },
  );
  const { port } = server.addr;
  if (isNothing) stop.abort();
  return {
    port,
    [Symbol.dispose]() {
      hung.resolve(new Response());
      stop.abort();
    },
  };
}
