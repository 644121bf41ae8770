import type { Backend } from "../backend.ts";
import type { Incoming, Reply } from "./messages.ts";

/** What a handler knows of the request besides the request. */
export interface Exchange {
  requestId: string;
  /** The caller's, for the rate limit. */
  address: string;
  /** The parameters in the path, by the names in its route. */
  params: Readonly<Record<string, string | undefined>>;
  /**
   * Does the work some time within the second after the reply, so that neither the time of this reply nor
   * that of the next one tells whether there was work to do.
   */
  afterReply: (work: () => Promise<void>) => void;
}

export type Handler = (request: Incoming, deps: Backend & Exchange) => Promise<Reply>;

type Method = "GET" | "POST" | "PATCH" | "DELETE";
type Methods = Readonly<Partial<Record<Method, Handler>>>;

/** One resource: the pattern of its path below the function's name, and a handler for each method it allows. */
export interface Route {
  path: string;
  /** By the names of the methods. */
  methods: ReadonlyMap<string, Handler>;
  /** The parameters in a path that leads here, or null. */
  match: (path: string) => Readonly<Record<string, string | undefined>> | null;
}

/** The resources under one function's name. The first route that matches wins. */
export interface Endpoint {
  name: string;
  routes: readonly Route[];
}

/** A route; `:name` in its path is a parameter (a `URLPattern`). */
export function route(path: string, handlers: Methods): Route {
  const methods = new Map(Object.entries(handlers));
  // A URLPattern takes 20 microseconds, which every heartbeat would pay.
  if (!path.includes(":")) return { path, methods, match: (given) => given === path ? {} : null };
  const pattern = new URLPattern({ pathname: path });
  return { path, methods, match: (given) => pattern.exec({ pathname: given })?.pathname.groups ?? null };
}

/** An endpoint of one resource, whose path is the function's name. */
export function resource(name: string, handlers: Methods): Endpoint {
  return { name, routes: [route("", handlers)] };
}
