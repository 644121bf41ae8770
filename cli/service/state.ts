import type { Environment } from "../places.ts";

/** In a word or two, what this host's service manager says of our service. */
export function serviceState(_environment: Environment): Promise<string> {
  return Promise.resolve("not installed");
}
