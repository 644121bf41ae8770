import { posix, win32 } from "node:path";
import type { Environment } from "./environment.ts";
import { nameIn, serviceFolder } from "./names.ts";

export type { Environment };

/** Where this host keeps an agent's files. */
export interface Places {
  credentials: string;
  /** The session, and the lock that keeps a second process out. */
  state: string;
}

/**
 * The files of the user who runs the program; those of the service where systemd names its state folder.
 *
 * @throws {Error} never: without a home folder the paths are relative to the working folder.
 */
export function placesOf(environment: Environment, os: typeof Deno.build.os): Places {
  const { join } = os === "windows" ? win32 : posix;
  const service = stateFolderOf(environment);
  if (service !== undefined) return { credentials: join(service, "credentials.json"), state: service };
  const home = environment(os === "windows" ? "USERPROFILE" : "HOME") ?? ".";
  const word = nameIn(environment);
  if (os === "windows") {
    const folder = join(environment("APPDATA") ?? join(home, "AppData", "Roaming"), word);
    return { credentials: join(folder, "credentials.json"), state: folder };
  }
  if (os === "darwin") {
    const folder = join(home, "Library", "Application Support", word);
    return { credentials: join(folder, "credentials.json"), state: folder };
  }
  const { config, state } = xdgFolders(environment, home);
  return { credentials: join(config, word, "credentials.json"), state: join(state, word) };
}

/** The XDG Base Directory Specification has a relative path passed over. */
export function xdgFolders(environment: Environment, home: string): { config: string; state: string } {
  const folder = (name: string, ...fallback: string[]): string => {
    const given = environment(name);
    return given?.startsWith("/") ? given : posix.join(home, ...fallback);
  };
  return { config: folder("XDG_CONFIG_HOME", ".config"), state: folder("XDG_STATE_HOME", ".local", "state") };
}

/**
 * The same, but root without credentials of its own looks at those of the system's service: a user that asks how
 * this host is does not want to be told where to look.
 */
export async function placesHere(environment: Environment): Promise<Places> {
  const own = placesOf(environment, Deno.build.os);
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || await isThere(own.credentials)) return own;
  const state = serviceFolder(nameIn(environment));
  const credentials = `${state}/credentials.json`;
  return await isThere(credentials) ? { credentials, state } : own;
}

/** A path that cannot be looked at counts as there: reading it will tell what is in the way. */
async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}

/** systemd gives a list when there are several folders; the first is ours. */
function stateFolderOf(environment: Environment): string | undefined {
  return environment("STATE_DIRECTORY")?.split(":")[0] || undefined;
}
