import { corsHeaders } from "npm:@supabase/supabase-js@2.119.1/cors";
import type { Backend } from "../backend.ts";
import { asContractError, ContractError, errorReply, statusOf } from "./errors.ts";
import { describe, type Log } from "../log.ts";
import type { Incoming, Reply } from "./messages.ts";
import { callerAddress } from "./refusals.ts";
import type { Endpoint, Exchange, Handler, Route } from "./routes.ts";

const corsReply = Object.entries({
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${corsHeaders["Access-Control-Allow-Headers"]}, x-request-id`,
  "Access-Control-Expose-Headers": "x-request-id, retry-after, www-authenticate, allow",
}).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
const isForPreflight = ([name]: [string, string]): boolean => /-allow-(headers|methods)$/.test(name);
/** What only a preflight reads. */
const preflight: Reply = {
  status: 204,
  headers: Object.fromEntries(corsReply.filter(isForPreflight)),
  body: null,
};
/** What every reply carries, where it says nothing else. */
const commonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  ...Object.fromEntries(corsReply.filter((header) => !isForPreflight(header))),
};

/**
 * Replies to one request, with what every endpoint does around its handler: request id, CORS, route and method, the
 * reply to an error, the log.
 *
 * @param subpath what follows the endpoint's name in the path
 * @param socketAddress the peer's address
 */
export async function respond(
  endpoint: Endpoint,
  request: Incoming,
  backend: Backend,
  { subpath, socketAddress }: { subpath: string; socketAddress: string },
): Promise<Reply> {
  const startedAt = performance.now();
  const work: (() => Promise<void>)[] = [];
  const exchange = {
    requestId: requestIdOf(request),
    address: callerAddress(request, socketAddress, backend.trustedProxies),
    afterReply: (task: () => Promise<void>) => void work.push(task),
  };
  const called = { endpoint, subpath, backend, exchange };
  let reply: Reply;
  try {
    reply = request.method === "OPTIONS" ? preflight : await dispatch(request, called);
    backend.log.count(endpoint.name, reply.status, exchange.requestId);
    if (request.method === "HEAD") reply = { ...reply, body: null };
  } catch (error) {
    reply = refusalOf(error, called);
  }
  backend.meter?.observe(endpoint.name, reply.status, (performance.now() - startedAt) / 1000);
  for (const task of work) backend.waitUntil(runAfterReply(task, backend, exchange.requestId));
  return withCommonHeaders(reply, exchange.requestId);
}

/**
 * Makes the replies to requests that got none from an endpoint: as HTTP, they could not be read, or the server itself
 * failed, of which the log has the cause.
 */
export function refuserOf(
  log: Pick<Log, "line"> | null,
): (status: number, description: string, cause?: unknown) => Reply {
  return (status, description, cause) => {
    const requestId = crypto.randomUUID();
    const code = status < 500 ? "invalid_request" : "internal";
    if (cause !== undefined) log?.line("error", code, { request_id: requestId, cause: describe(cause) });
    const reply = errorReply(new ContractError(code, description), requestId);
    return withCommonHeaders({ ...reply, status }, requestId);
  };
}

function withCommonHeaders({ status, headers, body }: Reply, requestId: string): Reply {
  return { status, headers: { ...commonHeaders, ...headers, "x-request-id": requestId }, body };
}

interface Called {
  endpoint: Endpoint;
  subpath: string;
  backend: Backend;
  exchange: Omit<Exchange, "params">;
}

function refusalOf(
  thrown: unknown,
  { endpoint: { name }, backend: { log }, exchange: { requestId } }: Called,
): Reply {
  const error = asContractError(thrown);
  const status = statusOf(error.code);
  if (status < 500) log.count(name, status, requestId);
  else {
    log.line("error", error.code, {
      path: name,
      request_id: requestId,
      cause: describe(error.cause ?? error),
    });
  }
  return errorReply(error, requestId);
}

/** @throws {ContractError} when there is no handler */
function dispatch(
  request: Incoming,
  { endpoint, subpath, backend, exchange }: Called,
): Promise<Reply> {
  for (const { match, methods } of endpoint.routes) {
    const params = match(subpath);
    if (params !== null) {
      return handlerOf(methods, request.method)(request, { ...backend, ...exchange, params });
    }
  }
  throw new ContractError("not_found", "Cannot find the resource: there is no such path");
}

/** The handler of a method; GET's for HEAD, whose reply goes without its body. */
function handlerOf(methods: Route["methods"], method: string): Handler {
  const handler = methods.get(method === "HEAD" ? "GET" : method);
  if (handler !== undefined) return handler;
  const allowed = [...methods.keys(), "OPTIONS"];
  throw new ContractError(
    "method_not_allowed",
    `Cannot handle ${method}: this resource allows ${listOf(allowed)}`,
    { allow: allowed.join(", ") },
  );
}

function listOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function requestIdOf({ headers }: Incoming): string {
  const given = headers.get("x-request-id");
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
