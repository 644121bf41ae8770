import { refuserOf } from "../../supabase/functions/_shared/http/endpoint.ts";
import { Refusals } from "../../supabase/functions/_shared/http/refusals.ts";
import { randomBytes } from "../../supabase/functions/_shared/random.ts";
import type { OperatorConnection } from "../api/operator/ask.ts";
import { Dashboard } from "../dashboard/dashboard.ts";
import { OneTimeCode } from "../dashboard/one_time_code.ts";
import { remoteUpstream } from "../dashboard/remote.ts";
import { version } from "../version.ts";
import { listen } from "./listen.ts";

export interface DashboardServer {
  url: string;
  /** The address with a code of its own, which is good once and for two minutes; the one before is no longer. */
  makeAddress: () => string;
  stop: () => Promise<void>;
}

/**
 * Serves the page on this host, about a server that is elsewhere. Every user of this host can reach it, so nobody is
 * answered who has not brought a code.
 *
 * @param options.onEntry called when a code was used
 * @throws {StartError} as `listen`
 */
export async function startDashboard(
  operator: OperatorConnection,
  { port, onEntry, now = () => new Date() }: { port: number; onEntry: () => void; now?: () => Date },
): Promise<DashboardServer> {
  const listener = await listen({ hostname: "127.0.0.1", port, tls: null });
  const code = new OneTimeCode({ now, randomBytes });
  const dashboard = new Dashboard({
    upstream: remoteUpstream(operator, { code, refusals: new Refusals(now), onEntry }),
    url: listener.url,
    publicUrl: null,
    servedUrl: operator.url,
    version,
    log: null,
    meter: null,
    now,
    randomBytes,
  });
  listener.handle((request, address) => dashboard.respond(request, address), refuserOf(null));
  return {
    url: listener.url,
    makeAddress: () => `${listener.url}/#code=${code.make()}`,
    async stop() {
      dashboard.stop();
      await listener.close();
    },
  };
}
