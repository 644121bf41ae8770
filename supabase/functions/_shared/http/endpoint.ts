import { corsHeaders } from "npm:@supabase/supabase-js@2.119.1/cors";
import type { Backend } from "../backend.ts";
import { asContractError, ContractError, errorReply, statusOf } from "./errors.ts";
import { describe } from "../log.ts";
import { callerAddress } from "./refusals.ts";

/** What a handler knows of the request besides the request. */
export interface Exchange {
  requestId: string;
  /** The caller's, for the rate limit. */
  address: string;
  /**
   * Does the work some time within the second after the reply, so that neither the time of this reply nor
   * that of the next one tells whether there was work to do.
   */
  afterReply: (work: () => Promise<void>) => void;
}

export type Handler<Deps> = (request: Request, deps: Deps & Exchange) => Promise<Response>;

type Method = "GET" | "POST";

/** The methods of the resources under one function's name, by the rest of their path (`""`, `"/<id>"`, …). */
export interface Endpoint {
  name: string;
  methods: (rest: string) => Partial<Record<Method, Handler<Backend>>> | null;
}

const replyHeaders = {
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${corsHeaders["Access-Control-Allow-Headers"]}, x-request-id`,
  "Access-Control-Expose-Headers": "x-request-id, retry-after, www-authenticate, allow",
};

/** An endpoint of one resource. */
export function resource(name: string, methods: Partial<Record<Method, Handler<Backend>>>): Endpoint {
  return { name, methods: (rest) => rest === "" ? methods : null };
}

/**
 * What every endpoint does around its handler: request id, CORS, method, the reply to an error, the log.
 *
 * @param rest what follows the endpoint's name in the path
 * @param socketAddress the peer's address
 */
export async function answer(
  endpoint: Endpoint,
  request: Request,
  backend: Backend,
  from: { rest: string; socketAddress: string },
): Promise<Response> {
  const work: (() => Promise<void>)[] = [];
  const exchange: Exchange = {
    requestId: requestIdOf(request),
    address: callerAddress(request, from.socketAddress, backend.trustedProxies),
    afterReply: (task) => void work.push(task),
  };
  const reply = await replyTo(endpoint, request, from.rest, { ...backend, ...exchange });
  for (const task of work) backend.waitUntil(later(task, backend, exchange.requestId));
  for (const [name, value] of Object.entries(replyHeaders)) reply.headers.set(name, value);
  if (!reply.headers.has("cache-control")) reply.headers.set("cache-control", "no-store");
  reply.headers.set("x-request-id", exchange.requestId);
  return reply;
}

async function replyTo(
  endpoint: Endpoint,
  request: Request,
  rest: string,
  deps: Backend & Exchange,
): Promise<Response> {
  try {
    const reply = request.method === "OPTIONS"
      ? new Response(null, { status: 204 })
      : await handlerOf(endpoint, request.method, rest)(request, deps);
    deps.log.count(endpoint.name, reply.status, deps.requestId);
    return request.method === "HEAD" ? new Response(null, reply) : reply;
  } catch (thrown) {
    const error = asContractError(thrown);
    const status = statusOf(error.code);
    if (status < 500) deps.log.count(endpoint.name, status, deps.requestId);
    else {
      deps.log.line("error", error.code, {
        path: endpoint.name,
        request_id: deps.requestId,
        cause: describe(error.cause ?? error),
      });
    }
    return errorReply(error, deps.requestId);
  }
}

function handlerOf(endpoint: Endpoint, method: string, rest: string): Handler<Backend> {
  const methods = endpoint.methods(rest);
  if (methods === null) {
    throw new ContractError("not_found", "Cannot find what was asked for: there is no such path");
  }
  const handler = method === "POST"
    ? methods.POST
    : method === "GET" || method === "HEAD"
    ? methods.GET
    : undefined;
  if (handler === undefined) {
    const allow = [...Object.keys(methods), "OPTIONS"].join(", ");
    throw new ContractError("method_not_allowed", `Cannot do ${method} here: ${allow} are wanted`, { allow });
  }
  return handler;
}

function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given !== null && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : crypto.randomUUID();
}

async function later(task: () => Promise<void>, { log, jitter }: Backend, requestId: string): Promise<void> {
  await jitter();
  try {
    await task();
  } catch (error) {
    log.line("warn", "work after a reply failed", { request_id: requestId, cause: describe(error) });
  }
}
