import { posix } from "node:path";
import type { Environment } from "./paths.ts";

/** What the user's own places are put together from. */
const folders = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];

/**
 * The environment with one spelling of the user's folders: without links, "//" and a "/" at the end. Paths are compared
 * as text, with a manifest that may have been written under another spelling.
 */
export function withRealFolders(environment: Environment): Environment {
  return (name) => {
    const value = environment(name);
    return folders.includes(name) && value?.startsWith("/") ? realFolder(value) : value;
  };
}

/** As much of the path as is there, by its real name; the rest as it is written. */
function realFolder(path: string): string {
  const whole = posix.join("/", path).replace(/(.)\/$/, "$1");
  try {
    return Deno.realPathSync(whole);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // A folder that is not there yet, or may not be looked at, is in one that may.
    return whole === "/" ? whole : posix.join(realFolder(posix.dirname(whole)), posix.basename(whole));
  }
}
