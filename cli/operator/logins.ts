import { dirname, posix, win32 } from "node:path";
import { asObject, isDuration, isText, parseObject } from "../host/json.ts";
import { openLockFile } from "../host/open_file.ts";
import { type Environment, xdgFolders } from "../host/paths.ts";
import { readPrivateFile, removeFile, writePrivateFile } from "../host/private_file.ts";
import { CliError } from "../terminal/errors.ts";
import { isPrintable } from "../terminal/printable.ts";

/** What a Supabase project gave a user who logged in. */
export interface Login {
  /** The project, as parseUrl has it. */
  url: string;
  publishableKey: string;
  email: string;
  accessToken: string;
  refreshToken: string;
  /** When the access token came, on this host's clock, and for how many seconds it is good. */
  receivedAt: Date;
  expiresIn: number;
}

const lockMs = 45_000;

/**
 * Where the logins are kept. The folder is an operator's own: one with the files of an agent is a service's, too, and
 * goes with it.
 */
export function loginsPath(environment: Environment, os: typeof Deno.build.os = Deno.build.os): string {
  const { join } = os === "windows" ? win32 : posix;
  const home = environment(os === "windows" ? "USERPROFILE" : "HOME") ?? ".";
  const folder = os === "windows"
    ? environment("APPDATA") ?? join(home, "AppData", "Roaming")
    : os === "darwin"
    ? join(home, "Library", "Application Support")
    : xdgFolders(environment, home).config;
  return join(folder, "openclaw-operator", "logins.json");
}

/**
 * Every login, the last one first.
 *
 * @throws {CliError} `refused` when others can read or change the file, `usage` when it is malformed
 */
export async function readLogins(path: string): Promise<Login[]> {
  const found = await readPrivateFile(path);
  if (found === null) return [];
  if ("fault" in found) {
    throw new CliError("refused", `Cannot use the logins in "${path}": ${found.fault}`, { hint: found.mend });
  }
  const logins = parseLogins(found.text);
  if (logins !== null) return logins;
  throw new CliError("usage", `Cannot use the logins in "${path}": they are malformed`, {
    hint: "remove the file, and log in again",
  });
}

/** The same of one project; null where nobody is logged in there. */
export async function findLogin(path: string, url: string): Promise<Login | null> {
  return (await readLogins(path)).find((login) => login.url === url) ?? null;
}

/** Keeps a login as the last one, in the place of the one at its project. Under lockLogins. */
export async function keepLogin(path: string, login: Login): Promise<void> {
  const others = (await readLogins(path)).filter(({ url }) => url !== login.url);
  await write(path, [login, ...others]);
}

/** Replaces what is kept of a project's login, where it stands. Under lockLogins. */
export async function replaceLogin(path: string, login: Login): Promise<void> {
  await write(path, (await readLogins(path)).map((one) => one.url === login.url ? login : one));
}

/** Removes the login at a project; the file goes with the last one. Under lockLogins. */
export async function removeLogin(path: string, url: string): Promise<void> {
  const left = (await readLogins(path)).filter((login) => login.url !== url);
  if (left.length > 0) await write(path, left);
  else await removeFile(path);
}

/** Waits until no other command changes the logins, and keeps the others waiting until it is disposed of. */
export async function lockLogins(path: string): Promise<Disposable> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await openLockFile(`${path}.lock`);
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), lockMs);
  const isLocked = await Promise.race([file.lock(true).then(() => true), promise]);
  clearTimeout(timer);
  if (isLocked) return { [Symbol.dispose]: () => file.close() };
  throw new CliError("unexpected", `Cannot change the logins in "${path}": another command holds them`, {
    hint: `fuser ${path}.lock`,
  });
}

async function write(path: string, logins: readonly Login[]): Promise<void> {
  const stored = logins.map((login) => ({
    url: login.url,
    publishable_key: login.publishableKey,
    email: login.email,
    access_token: login.accessToken,
    refresh_token: login.refreshToken,
    received_at: login.receivedAt.toISOString(),
    expires_in: login.expiresIn,
  }));
  try {
    await writePrivateFile(path, `${JSON.stringify({ version: 1, logins: stored }, null, 2)}\n`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("unexpected", `Cannot write "${path}": ${error.message}`, {
      hint: "give this user a home folder that it can write",
      cause: error,
    });
  }
}

function parseLogins(text: string): Login[] | null {
  const fields = parseObject(text);
  if (fields?.version !== 1 || !Array.isArray(fields.logins)) return null;
  const logins = fields.logins.map(parseLogin);
  const sound = logins.filter((login) => login !== null);
  return sound.length === logins.length ? sound : null;
}

function parseLogin(value: unknown): Login | null {
  const { url, publishable_key, email, access_token, refresh_token, received_at, expires_in } =
    asObject(value) ?? {};
  const isSound = isText(url) && isPrintable(url) && isText(publishable_key) && isText(email) &&
    isText(access_token) && isText(refresh_token) && isText(received_at) && isDuration(expires_in);
  const receivedAt = new Date(isText(received_at) ? received_at : "");
  if (!isSound || Number.isNaN(receivedAt.getTime())) return null;
  return {
    url,
    publishableKey: publishable_key,
    email,
    accessToken: access_token,
    refreshToken: refresh_token,
    receivedAt,
    expiresIn: expires_in,
  };
}
