import type { Incoming, Reply } from "../../supabase/functions/_shared/http/messages.ts";
import type { LoginState } from "./state.ts";
import type { Viewer } from "./sessions.ts";

/** One request of the API, as the page makes it. */
export interface ApiRequest extends Pick<Incoming, "method" | "query" | "text"> {
  /** Behind `/functions/v1/`. */
  path: string;
  /** The headers that the browser sent. */
  headers: Incoming["headers"];
  socketAddress: string;
}

/** The server that the page is about. */
export interface Upstream {
  asks: LoginState["asks"];
  /** How often it is looked at, at most, for those who watch. */
  everyMs: number;
  /**
   * Who logs in with this key or code.
   *
   * @throws {ContractError} `operator_required` when it does not hold, `rate_limited` when too many did not
   */
  admit: (given: string, from: Pick<ApiRequest, "headers" | "socketAddress">) => Promise<Viewer>;
  /** Answers a request with the viewer's credential. @throws {ContractError} `unavailable` */
  ask: (viewer: Viewer, request: ApiRequest) => Promise<Reply>;
}
