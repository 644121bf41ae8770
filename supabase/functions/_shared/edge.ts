import { type Backend, issuerOf, jitter, randomBytes, randomFraction } from "./backend.ts";
import { answer, type Endpoint } from "./endpoint.ts";
import { type Environment, readKeyRing, readSettings, readSupabase } from "./env.ts";
import { Log } from "./log.ts";
import { remoteUserKeys, supabaseOperators } from "./operator.ts";
import { Refusals } from "./refusals.ts";
import { supabaseDatabase } from "./supabase_database.ts";

/** What the Edge Runtime adds to Deno. */
declare const EdgeRuntime: { waitUntil: (work: Promise<unknown>) => void } | undefined;

/** Serves one function on the Edge Runtime. A configuration that cannot be used stops it here. */
export async function serveFunction(endpoint: Endpoint): Promise<void> {
  const backend = await edgeBackend((name) => Deno.env.get(name));
  backend.log.line("info", "function started", { function: endpoint.name });
  addEventListener("beforeunload", () => backend.log.flush());
  // The Edge Runtime does not promise the second argument.
  Deno.serve((request, info?: Partial<Deno.ServeHandlerInfo>) => {
    const { remoteAddr } = info ?? {};
    const socketAddress = remoteAddr !== undefined && "hostname" in remoteAddr ? remoteAddr.hostname : "";
    return answer(endpoint, request, backend, { rest: restOf(request, endpoint.name), socketAddress });
  });
}

/** What the handlers work with on Supabase. */
export async function edgeBackend(env: Environment): Promise<Backend> {
  const settings = readSettings(env);
  const supabase = readSupabase(env);
  const { url, secretKeys, jwks } = supabase;
  const now = (): Date => new Date();
  const userKeys = jwks === null
    ? remoteUserKeys(new URL(`${url}/auth/v1/.well-known/jwks.json`))
    : () => Promise.resolve(jwks);
  return {
    ...settings,
    issuer: issuerOf(settings.publicUrl ?? url),
    keys: await readKeyRing(env),
    database: supabaseDatabase(url, secretKeys.default ?? Object.values(secretKeys)[0] ?? ""),
    operators: supabaseOperators({ url, secretKeys, userKeys }),
    refusals: new Refusals(now),
    // deno-lint-ignore no-console -- the platform takes the log from here
    log: new Log((line) => console.log(line)),
    now,
    random: randomFraction,
    jitter,
    randomBytes,
    waitUntil,
  };
}

/** What follows the function's name: the platform may or may not have cut `/functions/v1` off. */
function restOf(request: Request, name: string): string {
  const { pathname } = new URL(request.url);
  return pathname.replace(/^\/functions\/v1/, "").slice(name.length + 1).replace(/\/$/, "");
}

function waitUntil(work: Promise<void>): void {
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(work);
}
