import { corsHeaders } from "npm:@supabase/supabase-js@2.119.1/cors";
import type { Backend } from "../backend.ts";
import { asContractError, ContractError, errorReply, statusOf } from "./errors.ts";
import { describe } from "../log.ts";
import { callerAddress } from "./refusals.ts";
import type { Endpoint, Exchange, Handler, Route } from "./routes.ts";

const corsReply = Object.entries({
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${corsHeaders["Access-Control-Allow-Headers"]}, x-request-id`,
  "Access-Control-Expose-Headers": "x-request-id, retry-after, www-authenticate, allow",
});
const isForPreflight = ([name]: [string, string]): boolean => /-Allow-(Headers|Methods)$/.test(name);
/** What only a preflight reads. */
const preflightHeaders = corsReply.filter(isForPreflight);
/** What a client reads of every reply. */
const replyHeaders = corsReply.filter((header) => !isForPreflight(header));

/**
 * Responds to one request, with what every endpoint does around its handler: request id, CORS, route and method, the
 * reply to an error, the log.
 *
 * @param subpath what follows the endpoint's name in the path
 * @param socketAddress the peer's address
 */
export async function respond(
  endpoint: Endpoint,
  request: Request,
  backend: Backend,
  { subpath, socketAddress }: { subpath: string; socketAddress: string },
): Promise<Response> {
  const work: (() => Promise<void>)[] = [];
  const exchange = {
    requestId: requestIdOf(request),
    address: callerAddress(request, socketAddress, backend.trustedProxies),
    afterReply: (task: () => Promise<void>) => void work.push(task),
  };
  const reply = await replyTo(endpoint, request, subpath, { ...backend, ...exchange });
  for (const task of work) backend.waitUntil(runAfterReply(task, backend, exchange.requestId));
  return withReplyHeaders(reply, exchange.requestId);
}

/** The reply to a request that came to no endpoint: as HTTP, it could not be read. */
export function refuseRequest(status: number, description: string): Response {
  const requestId = crypto.randomUUID();
  const code = status < 500 ? "invalid_request" : "internal";
  const { body, headers } = errorReply(new ContractError(code, description), requestId);
  return withReplyHeaders(new Response(body, { status, headers }), requestId);
}

/** What every reply carries. */
function withReplyHeaders(reply: Response, requestId: string): Response {
  for (const [name, value] of replyHeaders) reply.headers.set(name, value);
  if (!reply.headers.has("cache-control")) reply.headers.set("cache-control", "no-store");
  reply.headers.set("x-request-id", requestId);
  return reply;
}

async function replyTo(
  endpoint: Endpoint,
  request: Request,
  subpath: string,
  deps: Backend & Omit<Exchange, "params">,
): Promise<Response> {
  try {
    const reply = request.method === "OPTIONS"
      ? new Response(null, { status: 204, headers: preflightHeaders })
      : await dispatch(endpoint, request, subpath, deps);
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

async function dispatch(
  endpoint: Endpoint,
  request: Request,
  subpath: string,
  deps: Backend & Omit<Exchange, "params">,
): Promise<Response> {
  for (const { match, methods } of endpoint.routes) {
    const params = match(subpath);
    if (params !== null) return await handlerOf(methods, request.method)(request, { ...deps, params });
  }
  throw new ContractError("not_found", "Cannot find the resource: there is no such path");
}

/** The handler of a method; GET's for HEAD, whose reply goes without its body. */
function handlerOf(methods: Route["methods"], method: string): Handler {
  const asked = method === "HEAD" ? "GET" : method;
  for (const [name, handler] of Object.entries(methods)) if (name === asked) return handler;
  const allowed = [...Object.keys(methods), "OPTIONS"];
  throw new ContractError(
    "method_not_allowed",
    `Cannot handle ${method}: this resource allows ${listOf(allowed)}`,
    { allow: allowed.join(", ") },
  );
}

function listOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given !== null && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : crypto.randomUUID();
}

async function runAfterReply(
  task: () => Promise<void>,
  { log, jitter }: Backend,
  requestId: string,
): Promise<void> {
  await jitter();
  try {
    await task();
  } catch (error) {
    log.line("warn", "work after a reply failed", { request_id: requestId, cause: describe(error) });
  }
}
