import { joined } from "../../supabase/functions/_shared/http/body.ts";
import { ContractError, unavailable } from "../../supabase/functions/_shared/http/errors.ts";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";
import type { Refusals } from "../../supabase/functions/_shared/http/refusals.ts";
import { operatorRequired } from "../../supabase/functions/_shared/operator.ts";
import type { OperatorConnection } from "../api/operator/ask.ts";
import { CliError } from "../terminal/errors.ts";
import { version } from "../version.ts";
import type { OneTimeCode } from "./one_time_code.ts";
import type { Viewer } from "./sessions.ts";
import type { ApiRequest, Upstream } from "./upstream.ts";

/** What an embedded server takes for a message to a channel, and a little more. */
const timeoutMs = 30_000;
/** The map of a million agents, with their ids, is shorter. */
const maxBytes = 64 * 1024 * 1024;

/** A server elsewhere: the page's server asks it, with the credential of the operator who started it. */
export function remoteUpstream(
  operator: OperatorConnection,
  { code, refusals, onEntry }: { code: OneTimeCode; refusals: Refusals; onEntry: () => void },
): Upstream {
  return {
    asks: "code",
    // On Supabase each look is a call of a function.
    everyMs: 5000,
    async admit(given, { socketAddress }) {
      if (!code.redeem(given)) {
        refusals.count(socketAddress);
        throw operatorRequired("the code is not the one that was printed last, or was used, or is too old");
      }
      onEntry();
      return await viewerOf(operator);
    },
    async ask(_viewer, request) {
      const reply = await send(operator, request);
      if (reply.status !== 401 || operator.renew === undefined) return reply;
      await inContract(operator.renew());
      return await send(operator, request);
    },
  };
}

async function viewerOf(operator: OperatorConnection): Promise<Viewer> {
  const { apikey = "" } = await inContract(operator.authorize());
  return {
    role: apikey.startsWith("ocr_") ? "reader" : "operator",
    ownerId: null,
    authorize: () => inContract(operator.authorize()),
    check: async () => void await inContract(operator.authorize()),
  };
}

async function send(
  operator: OperatorConnection,
  { method, path, query, text }: ApiRequest,
): Promise<Reply> {
  const { url, pool } = operator;
  const credential = await inContract(operator.authorize());
  const body = method === "GET" || method === "HEAD" ? "" : await text();
  const question = query.size === 0 ? "" : `?${query}`;
  try {
    const response = await fetch(`${url}/functions/v1/${path}${question}`, {
      method: method === "HEAD" ? "GET" : method,
      headers: {
        ...credential,
        accept: "application/json, text/plain",
        "user-agent": `openclaw/${version}`,
        ...(body === "" ? {} : { "content-type": "application/json" }),
      },
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === "" ? {} : { body }),
      ...(pool === undefined ? {} : { client: pool.client }),
    });
    return await replyOf(response);
  } catch (error) {
    if (error instanceof ContractError) throw error;
    pool?.renew();
    throw unavailable("the server", error);
  }
}

async function replyOf(response: Response): Promise<Reply> {
  const { status, headers } = response;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`The reply is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (status < 200 || (status >= 300 && status < 400)) {
    throw new TypeError(`The server answers with HTTP ${status}`);
  }
  const kept = ["content-type", "retry-after", "allow"];
  const named = kept.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return { status, headers: Object.fromEntries(named), body: joined(chunks, length) };
}

/** Why there is no credential of the operator, in the contract's words. */
async function inContract<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.failure === "unreachable") throw unavailable("the issuer of users' tokens", error);
    throw operatorRequired(`${error.message.slice(0, 1).toLowerCase()}${error.message.slice(1)}`);
  }
}
