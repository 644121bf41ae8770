import { CliError } from "../../terminal/errors.ts";
import { type Reader, reply } from "../readers.ts";
import { type Call, type Connection, type Outcome, send } from "../transport.ts";

/** How to reach a service as one who administers its agents, or only reads. */
export interface OperatorConnection extends Connection {
  /** The headers with the credential, for the next request: a login's are renewed in time. */
  authorize: () => Promise<Record<string, string>>;
  /** Gets another credential for one that the service does not take any more, where that can be done. */
  renew?: () => Promise<void>;
}

/** One page of a list: its rows under their noun's name, the cursor of the next page, the server's time. */
export type Page<Noun extends string, Row> = { [Name in Noun]: Row[] } & {
  next_cursor: string | null;
  server_time: string;
};

export interface PageQuery {
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** A page ends at 1 MiB of rows, as the service counts them. */
const mostBytes = 4 * 1024 * 1024;

/** Asks with the operator's credential, and once more with another one where that one does not hold any more. */
export async function ask<Value>(
  operator: OperatorConnection,
  path: string,
  read: Reader<Value>,
  call: Omit<Call<Value>, "parse" | "headers">,
): Promise<Outcome<Value>> {
  const once = async (): Promise<Outcome<Value>> => {
    const headers = await operator.authorize();
    return await send(operator, path, { ...call, headers, parse: reply(read), maxBytes: mostBytes });
  };
  try {
    const outcome = await once();
    const isRefused = outcome.kind === "refused" && outcome.code === "operator_required";
    if (!isRefused || operator.renew === undefined) return outcome;
    // This host's clock may have kept a login for good that is over.
    await operator.renew();
    return await once();
  } catch (error) {
    if (!(error instanceof CliError) || error.failure !== "unreachable") throw error;
    return { kind: "outage", reason: error.message, retryAfter: 0, cause: error, code: "unavailable" };
  }
}

export function pageQuery({ limit, cursor }: PageQuery): URLSearchParams {
  const query = new URLSearchParams();
  if (limit !== undefined) query.set("limit", String(limit));
  if (cursor !== undefined) query.set("cursor", cursor);
  return query;
}

export function question(query: URLSearchParams): string {
  return query.size === 0 ? "" : `?${query}`;
}

/** Reads nothing of a reply. */
export function done(): true {
  return true;
}
