import { type Fields, isText, parseObject } from "../host/json.ts";
import { printable } from "../terminal/printable.ts";
import { version } from "../version.ts";
import type { Pool } from "./pool.ts";
import { retryAfter } from "./retry_after.ts";

/** How to reach one service. */
export interface Connection {
  /** Without `/functions/v1`. */
  url: string;
  /** With the own certificate authority, if there is one. Without a pool, the runtime's own connections. */
  pool?: Pool | undefined;
}

/** What a request came to. */
export type Outcome<Value> =
  | { kind: "ok"; value: Value; timing: Timing }
  /** The service refused, in the contract's words. */
  | { kind: "refused"; code: string; description: string }
  /** Nothing came back that is ours, or the service said that it cannot answer now: then `code` is its word for that. */
  | { kind: "outage"; reason: string; retryAfter: number; cause?: unknown; code?: string };

/** The server's clock as its reply told it, and ours before and after, in milliseconds. */
export interface Timing {
  serverTime: number | null;
  sentAt: number;
  receivedAt: number;
}

/** What ends a request before its reply. */
export interface Limits {
  signal?: AbortSignal | undefined;
  /** 15 s, if nothing else is said. */
  timeoutMs?: number | undefined;
}

/** One request, and how its reply is read. */
export interface Call<Value> extends Omit<RequestInit, "signal">, Limits {
  /**
   * Null for a reply that is not this service's. The fields are as they came: what may be shown is made printable by
   * who reads them.
   */
  parse: (fields: Fields) => Value | null;
  /** The most that is read of a reply; 64 KiB, if nothing else is said. */
  maxBytes?: number;
}

const defaultTimeoutMs = 15_000;
const usualMaxBytes = 65_536;

/** Sends one request to `<url>/functions/v1/<path>`. Never rejects for what a server or the network does. */
export async function send<Value>(
  { url, pool }: Connection,
  path: string,
  { parse, maxBytes = usualMaxBytes, signal, timeoutMs = defaultTimeoutMs, ...init }: Call<Value>,
): Promise<Outcome<Value>> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const sentAt = Date.now();
  try {
    const response = await fetch(`${url}/functions/v1/${path}`, {
      ...init,
      headers: {
        ...init.headers,
        accept: "application/json",
        "user-agent": `openclaw/${version}`,
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
      },
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(pool === undefined ? {} : { client: pool.client }),
    });
    const text = await readText(response, maxBytes);
    // A reply without a body has nothing to parse.
    const fields = response.status === 204 ? {} : parseObject(text);
    return read(response, fields, parse, { sentAt, receivedAt: Date.now() });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    pool?.renew();
    const reason = timeout.aborted ? `no reply within ${timeoutMs / 1000} s` : reasonOf(error);
    return { kind: "outage", reason, retryAfter: 0, cause: error };
  }
}

function read<Value>(
  response: Response,
  fields: Fields | null,
  parse: (fields: Fields) => Value | null,
  { sentAt, receivedAt }: { sentAt: number; receivedAt: number },
): Outcome<Value> {
  const { status } = response;
  const outage = (reason: string, code?: string): Outcome<Value> => ({
    kind: "outage",
    reason,
    retryAfter: retryAfter(response.headers),
    ...(code === undefined ? {} : { code }),
  });
  if (status >= 300 && status < 400) return outage(`the server redirects (${status}), which is not followed`);
  if (fields === null) return outage(`the reply is not the service's JSON (HTTP ${status})`);
  if (response.ok) {
    const value = parse(fields);
    if (value === null) return outage(`the reply is JSON, but not this service's (HTTP ${status})`);
    return {
      kind: "ok",
      value,
      timing: { serverTime: clockOf(fields, response.headers), sentAt, receivedAt },
    };
  }
  const { error, error_description: description } = fields;
  if (!isText(error) || !isText(description)) {
    return outage(`the reply is not the service's JSON (HTTP ${status})`);
  }
  if (status >= 500 || status === 429) return outage(printable(description), printable(error));
  return { kind: "refused", code: printable(error), description: printable(description) };
}

/** A longer reply is not one of ours. */
async function readText(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > maxBytes) return "";
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The body's time, else the header's, which is whole seconds. */
function clockOf({ server_time }: Fields, headers: Headers): number | null {
  const time = Date.parse(isText(server_time) ? server_time : headers.get("date") ?? "");
  return Number.isNaN(time) ? null : time;
}

/** The outermost words of a failure to reach a server, without the address that the caller knows. */
function reasonOf(error: Error): string {
  if (error.name === "AbortError") return "given up, the program was asked to stop";
  const inner = error.cause instanceof Error ? error.cause.message : error.message;
  if (/unsuccessful tunnel/.test(inner)) return "the proxy refused the way to the server";
  if (/proxy authentication required/.test(inner)) {
    return "the proxy wants a user and a password, as in HTTPS_PROXY=http://user:password@proxy.example:3128";
  }
  // The runtime says what the system said twice: "tcp connect error: Connection refused: Connection refused".
  return printable(
    inner.replace(/^error sending request (?:from \S+ )?for (?:url )?\(?[^ )]*\)?(?: \([^)]*\))?:? ?/, "")
      .replace(/^client error \(\w+\): /, "").replace(/(: .+?)\1$/, "$1"),
  );
}
