import type { Backend } from "../backend.ts";
import type { Exchange } from "./endpoint.ts";

export type Handler = (request: Request, deps: Backend & Exchange) => Promise<Response>;

type Method = "GET" | "POST";

/** One resource: the pattern of its path below the function's name, and a handler for each method it allows. */
export interface Route {
  path: string;
  methods: Readonly<Partial<Record<Method, Handler>>>;
  /** The parameters in a path that leads here, or null. */
  match: (path: string) => Readonly<Record<string, string | undefined>> | null;
}

/** The resources under one function's name. The first route that matches wins. */
export interface Endpoint {
  name: string;
  routes: readonly Route[];
}

/** A route; `:name` in its path is a parameter (a `URLPattern`). */
export function route(path: string, methods: Route["methods"]): Route {
  // A URLPattern takes 20 microseconds, which every heartbeat would pay.
  if (!path.includes(":")) return { path, methods, match: (given) => given === path ? {} : null };
  const pattern = new URLPattern({ pathname: path });
  return { path, methods, match: (given) => pattern.exec({ pathname: given })?.pathname.groups ?? null };
}

/** An endpoint of one resource, whose path is the function's name. */
export function resource(name: string, methods: Route["methods"]): Endpoint {
  return { name, routes: [route("", methods)] };
}
