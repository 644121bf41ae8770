import { PostgrestClient } from "npm:@supabase/postgrest-js@2.119.1";
import { isOutageState, unavailable } from "../http/errors.ts";
import type { Database as Schema } from "./database.types.ts";
import { batching } from "./batch.ts";
import { TimeoutError } from "./list_queue.ts";
import { type Call, type Database, databaseOver } from "./port.ts";

interface RpcFailure {
  /** PostgREST's or Postgres's code; not there when a gateway answered in their place. */
  code?: string;
  message: string;
}

interface RpcResult {
  data: unknown;
  error: RpcFailure | null;
  /** The HTTP status; 0 when no reply came. */
  status: number;
}

const timeoutMs = 4000;

/**
 * The database of a Supabase project: each call is one request to its PostgREST, as the service role. Beats and handshakes
 * of one isolate go together. Of supabase-js, it takes only the client of PostgREST: around that, supabase-js looks for a
 * user's session at each call, and puts the headers together once more.
 */
export function supabaseDatabase(url: string, secretKey: string): Database {
  const client = new PostgrestClient<Schema>(`${url}/rest/v1`, {
    headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` },
    retry: false,
  });
  const call: Call = async ({ name, args }) => {
    const { data, error, status }: RpcResult = await inTime((signal) =>
      // The row has checked them; the generated types know no nullable arguments.
      client.rpc(name, args as never).abortSignal(signal)
    );
    if (error === null) return data;
    const cause = new RpcError(error, status);
    throw isOutage(error, status) ? unavailable("the database", cause) : cause;
  };
  return batching(databaseOver(call));
}

/** Not by `AbortSignal.timeout`, which would keep what belongs to a call until its time is over, and fire then. */
async function inTime<Result>(ask: (signal: AbortSignal) => PromiseLike<Result>): Promise<Result> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new TimeoutError(timeoutMs)), timeoutMs);
  try {
    return await ask(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** An error reply of PostgREST. Its details and hint are left out: they may hold a row. */
class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: string;

  constructor({ code = "", message }: RpcFailure, status: number) {
    // A gateway's message is the page that it answered with.
    super(`${message.slice(0, 200)} (status ${status})`);
    this.code = code;
  }
}

/**
 * No reply, a gateway's 5xx, PostgREST without its database (PGRST000 to PGRST003), or Postgres itself. A code that
 * is empty is supabase-js's when no reply came, or PostgREST's when a connection broke before Postgres gave a
 * SQLSTATE: with the status 400.
 */
function isOutage({ code }: RpcFailure, status: number): boolean {
  if (code === undefined) return status === 0 || status >= 500;
  return code === "" || /^PGRST00[0-3]$/.test(code) || isOutageState(code) ||
    [502, 503, 504].includes(status);
}
