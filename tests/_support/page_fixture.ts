import { fakeAgent, serverTime } from "./fake_fleet.ts";
import { type FakePage, startFakePage } from "./fake_page.ts";
import { agentSecret, enrollmentCode } from "./vectors.ts";

/** A name that would do harm where it were more than text, and that turns around what stands behind it. */
export const hostile = "<img src=x onerror=alert(1)>\u202e";
export const copyId = "00000000-0000-4000-8000-0000000000c0";
const server_time = serverTime;

/** One of everything that the page shows beside the fleet, each called by the same name; acts are noted, and change nothing. */
export function startOneOfEach(
  { role = "operator", name = hostile }: { role?: "operator" | "reader"; name?: string } = {},
): FakePage & { agent: { id: string } } {
  const copied = {
    name,
    message: name,
    labels: { site: name },
    metrics: { cpu_percent: 12.34, disk_percent: 97, uptime_seconds: 90_000, jobs_done: 1 },
    copies: [{ instance_id: copyId, hostname: name, address: "192.0.2.7", last_seen_at: serverTime }],
  };
  const agent = fakeAgent(1, copied);
  const muted = fakeAgent(2, { name: "muted", muted_until: at(-3600) });
  const revoked = fakeAgent(3, { name: "revoked", liveness: "revoked", revoked_at: at(60) });
  const post = (request: Request, made: unknown, listed: unknown): unknown =>
    request.method === "GET" ? listed : made;
  const { delivery, incident, enrollment, host, channel } = rowsOf(name, agent.id);
  const page = startFakePage({
    agents: [agent, muted, revoked],
    incidents: [{ ...incident, deliveries: [delivery] }],
    role,
    api: {
      [`agents/${agent.id}/history`]: () => history,
      [`agents/${agent.id}/events`]: () => ({
        events: [{ id: 1, kind: "copy_seen", at: at(60), actor: name, address: "192.0.2.7" }],
        server_time,
      }),
      [`agents/${agent.id}/rotate-secret`]: () => ({ agent, agent_secret: agentSecret }),
      enrollments: (request) =>
        post(request, { enrollment, code: enrollmentCode }, { enrollments: [enrollment], server_time }),
      "enrollments/e1": () => ({ enrollment, hosts: [host], server_time }),
      "enrollments/e1/revoke": () => ({ enrollment }),
      channels: (request) =>
        post(request, { channel, signing_secret: "whsec_x" }, { channels: [channel], server_time }),
      "channels/c1": () => channel,
      "channels/c1/test": () => ({ delivered: false, answer: name }),
    },
  });
  return Object.assign(page, { agent });
}

function at(seconds: number): string {
  return new Date(Date.parse(serverTime) - seconds * 1000).toISOString();
}

const history = {
  buckets: Array.from({ length: 96 }, (_, index) => ({
    at: at(86_400 - index * 900),
    beats: index === 40 ? 0 : 15,
    expected: 15,
    worst_status: "healthy",
    metrics: { cpu_percent: [1, 20 + index % 9, 90] },
  })),
  gaps: [{ from: at(50_400), to: at(49_500), reason: "network", detail: {} }],
};

function rowsOf(name: string, agentId: string): Record<string, Record<string, unknown>> {
  return {
    delivery: {
      id: "d",
      channel_id: "c1",
      channel_name: name,
      type: "incident.opened",
      state: "failed",
      attempts: 2,
      last_answer: name,
      created_at: at(60),
      delivered_at: null,
    },
    incident: {
      id: "i1",
      kind: "copy",
      opened_at: at(90),
      closed_at: null,
      agents_count: 1,
      agents: [{ id: agentId, name }],
      labels: { site: name },
      reason: name,
      changes_count: 0,
      acknowledged_at: null,
      acknowledged_by: null,
    },
    enrollment: {
      id: "e1",
      name: "{hostname}",
      labels: { site: name },
      uses: 2,
      used: 1,
      created_at: at(9),
      expires_at: at(-3600),
      revoked_at: null,
    },
    host: {
      agent_id: null,
      hostname: name,
      address: "192.0.2.8",
      step: "download",
      failed: true,
      detail: name,
      at: at(3),
    },
    channel: {
      id: "c1",
      name,
      kind: "telegram",
      settings: { chat_id: "7" },
      labels: { site: name },
      kinds: ["offline", "copy"],
      after_seconds: 90,
      remind_after_seconds: null,
      enabled: true,
    },
  };
}
