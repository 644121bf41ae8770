import { type Backend, makeBackend } from "./backend.ts";
import { Deliverer } from "./channels/deliverer.ts";
import { fetchPost } from "./channels/fetch_post.ts";
import { apiMail } from "./channels/mail_api.ts";
import { noMail } from "./channels/send.ts";
import { supabaseDatabase } from "./database/supabase.ts";
import { type Environment, readKeyRing, readMailApi, readSettings, readSupabase } from "./env.ts";
import { respond } from "./http/endpoint.ts";
import type { Endpoint } from "./http/routes.ts";
import { incomingOf, responseOf } from "./http/web.ts";
import { Log } from "./log.ts";
import type { Operators } from "./operator.ts";

/** What the Edge Runtime adds to Deno. */
declare const EdgeRuntime: { waitUntil: (work: Promise<unknown>) => void } | undefined;

type OperatorsOf = (env: Environment) => Operators;

/**
 * Serves one function on the Edge Runtime. A configuration that cannot be used stops it here.
 *
 * @param operatorsOf who its operators are. A function that asks for none leaves it out, and does not load what
 * identifies them: that is most of what the others load.
 */
export async function serveFunction(
  endpoint: Endpoint,
  operatorsOf: OperatorsOf = noOperators,
): Promise<void> {
  const backend = await edgeBackend((name) => Deno.env.get(name), operatorsOf);
  backend.log.line("info", "function started", { function: endpoint.name });
  addEventListener("beforeunload", () => backend.log.flush());
  // The Edge Runtime does not promise the second argument.
  Deno.serve(async (request, info?: Partial<Deno.ServeHandlerInfo>) => {
    const { remoteAddr } = info ?? {};
    const socketAddress = remoteAddr !== undefined && "hostname" in remoteAddr ? remoteAddr.hostname : "";
    const subpath = subpathOf(request, endpoint.name);
    return responseOf(await respond(endpoint, incomingOf(request), backend, { subpath, socketAddress }));
  });
}

/** What the handlers work with on Supabase. */
export async function edgeBackend(env: Environment, operatorsOf: OperatorsOf): Promise<Backend> {
  const settings = readSettings(env);
  const { url, secretKeys } = readSupabase(env);
  const mailApi = readMailApi(env);
  const transports = {
    post: fetchPost({ loopback: false, private: settings.privateTargets }),
    // The mail API is the operator's own choice: it may be anywhere.
    mail: mailApi === null
      ? noMail("OPENCLAW_MAIL_URL")
      : apiMail(mailApi, fetchPost({ loopback: true, private: true })),
  };
  const database = supabaseDatabase(url, secretKeys.default ?? Object.values(secretKeys)[0] ?? "");
  // deno-lint-ignore no-console -- the platform takes the log from here
  const log = new Log((line) => console.log(line));
  return makeBackend({
    settings,
    url,
    transports,
    deliverer: new Deliverer({ database, transports, log, now: () => new Date() }),
    database,
    log,
    keys: await readKeyRing(env),
    operators: operatorsOf(env),
    meter: null,
    waitUntil,
  });
}

function noOperators(): Operators {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error("this function was not told who its operators are"));
  return { identify: refuse, identifyReader: refuse };
}

/** What follows the function's name: the platform may or may not have cut `/functions/v1` off. */
function subpathOf({ url }: Request, name: string): string {
  // By a pattern, which costs each call less than to parse the address.
  const path = /^[^/]*\/\/[^/]*([^?#]*)/.exec(url)?.[1] ?? "";
  return path.replace(/^\/functions\/v1/, "").slice(name.length + 1).replace(/\/$/, "");
}

function waitUntil(work: Promise<void>): void {
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(work);
}
