import type { Backend } from "../../supabase/functions/_shared/backend.ts";
import { respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import { callerAddress } from "../../supabase/functions/_shared/http/refusals.ts";
import type { Endpoint } from "../../supabase/functions/_shared/http/routes.ts";
import { type Reader, scopeOf } from "../../supabase/functions/_shared/operator.ts";
import type { Upstream } from "./upstream.ts";

/** The server in this process: the page asks its handlers, with the key that its viewer logged in with. */
export function embeddedUpstream(
  backend: Backend,
  find: (path: string) => { endpoint: Endpoint; subpath: string },
): Upstream {
  return {
    asks: "key",
    // So that what changes is seen within a second.
    everyMs: 800,
    async admit(key, { headers, socketAddress }) {
      const address = callerAddress({ headers }, socketAddress, backend.trustedProxies);
      const credential: Readonly<Record<string, string>> = key === "" ? {} : { apikey: key };
      const presenting = { headers: { get: (name: string) => credential[name] ?? null } };
      const identify = (address: string): Promise<Reader> =>
        backend.operators.identifyReader(presenting, { ...backend, address });
      const reader = await identify(address);
      return {
        role: reader.kind === "reader" ? "reader" : "operator",
        ownerId: scopeOf(reader),
        authorize: () => Promise.resolve(credential),
        check: async () => void await identify(address),
      };
    },
    async ask({ authorize }, { path, headers, socketAddress, ...request }) {
      const credential = await authorize();
      const { endpoint, subpath } = find(`/functions/v1/${path}`);
      const own: readonly string[] = ["x-forwarded-for", "x-request-id", "content-length"];
      const get = (name: string): string | null =>
        credential[name] ?? (own.includes(name) ? headers.get(name) : null);
      return await respond(endpoint, { ...request, headers: { get } }, backend, { subpath, socketAddress });
    },
  };
}
