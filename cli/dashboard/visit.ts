import type { Incoming } from "../../supabase/functions/_shared/http/messages.ts";

/** A request of the page. */
export interface PageRequest extends Incoming {
  pathname: string;
}

/** A request, and from where it comes. */
export interface Visit {
  request: PageRequest;
  socketAddress: string;
}
