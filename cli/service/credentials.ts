import { parseUrl } from "../api/url.ts";
import { parseCredentials, type StoredCredentials } from "../identity/credentials.ts";
import { readIdentity } from "../identity/identity.ts";
import { type IdentityFlags, namedAgent } from "../identity/named_agent.ts";
import { CliError } from "../terminal/errors.ts";
import { nameIn } from "../host/names.ts";
import { type Environment, placesHere } from "../host/paths.ts";
import { FileFault } from "../host/open_file.ts";
import { readFileOf, readIfThere } from "../host/private_file.ts";
import type { Ask } from "./perform.ts";
import type { ServiceLayout } from "./layout.ts";
import { shellQuote } from "../host/shell_quote.ts";

interface Context {
  environment: Environment;
  ask: Ask;
  say: (text: string) => void;
  warn: (text: string) => void;
  insecureHttp: boolean;
}

const hint =
  "openclaw service install --url https://fleet.example.com --agent-id <uuid> --agent-secret-file -";

/**
 * The credentials that the service is to have, and whether it has them already. The agent is the one that flags or
 * environment name, else that of the service, of this user, or of the user behind sudo.
 *
 * @throws {CliError} `usage` when no agent or no server is named, or credentials are malformed
 */
export async function credentialsFor(
  layout: ServiceLayout,
  flags: IdentityFlags,
  context: Context,
): Promise<{ credentials: StoredCredentials; isStored: boolean }> {
  const { environment, warn, insecureHttp } = context;
  const isNamed = namedAgent(flags, environment) !== null;
  const stored = isNamed ? await storedUnlessBroken(layout) : await storedAt(layout.credentials);
  const identity = isNamed
    ? await readIdentity(flags, { environment, warn })
    : stored ?? await ownOrSudoUsers(flags, context);
  const url = flags.url ?? environment("OPENCLAW_URL") ?? stored?.url ?? identity.url;
  if (url === null) {
    throw new CliError("usage", "Cannot install the service: --url is missing", { hint });
  }
  const { agentId, secret, next = null } = identity;
  const credentials = { agentId, secret, next, url: parseUrl(url, { insecureHttp }) };
  const isStored = stored !== null && stored.agentId === agentId && stored.secret === secret &&
    stored.url === credentials.url;
  return { credentials, isStored };
}

/** What is stored there, if anything is. @throws {CliError} where it may not be read, or is malformed */
export async function storedAt(path: string): Promise<StoredCredentials | null> {
  const text = await readUnlessClosed(path);
  return text === null ? null : parseStored(text, path);
}

function parseStored(text: string, path: string): StoredCredentials {
  const read = parseCredentials(text);
  if (!("fault" in read)) return read;
  throw new CliError("usage", `Cannot use the credentials file "${path}": ${read.fault}`, { hint });
}

async function readUnlessClosed(path: string): Promise<string | null> {
  try {
    return await readIfThere(path);
  } catch (error) {
    const isClosed = error instanceof Deno.errors.PermissionDenied;
    if (!isClosed && !(error instanceof FileFault)) throw error;
    throw new CliError(
      "refused",
      `Cannot read "${path}": ${isClosed ? "this user may not" : error.message}`,
      {
        hint: isClosed ? "sudo openclaw service install" : `rm ${shellQuote(path)}`,
        cause: error,
      },
    );
  }
}

/** A file that is replaced anyway may be broken. */
async function storedUnlessBroken({ credentials }: ServiceLayout): Promise<StoredCredentials | null> {
  try {
    return await storedAt(credentials);
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}

/** The usual order is `openclaw configure`, then `sudo openclaw service install`. */
async function ownOrSudoUsers(
  flags: IdentityFlags,
  { environment, ask, say, warn }: Context,
): Promise<Omit<StoredCredentials, "url"> & { url: string | null }> {
  const { credentials } = await placesHere(environment);
  const given = await sudoUsersFile(environment, ask);
  if (given === null || (given.path !== credentials && await readIfThere(credentials) !== null)) {
    return await readIdentity(flags, { environment, warn });
  }
  const stored = parseStored(given.text, given.path);
  say(`using the credentials of ${environment("SUDO_USER")}: ${given.path}`);
  return stored;
}

/** The credentials file of the user behind sudo, if no other user can read it. */
async function sudoUsersFile(
  environment: Environment,
  ask: Ask,
): Promise<{ path: string; text: string } | null> {
  const uid = environment("SUDO_UID");
  if (Deno.build.os === "windows" || Deno.uid() !== 0 || uid === undefined || !/^[1-9]\d*$/.test(uid)) {
    return null;
  }
  const home = Deno.build.os === "darwin"
    ? `/Users/${environment("SUDO_USER")}`
    : (await ask(["getent", "passwd", uid])).output.split(":")[5];
  if (home === undefined || !home.startsWith("/")) return null;
  const folder = Deno.build.os === "darwin" ? "Library/Application Support" : ".config";
  const path = `${home}/${folder}/${nameIn(environment)}/credentials.json`;
  const found = await readFileOf(Number(uid), path);
  if (found === null) return null;
  if ("text" in found) return { path, text: found.text };
  throw new CliError("refused", `Cannot use the credentials file "${path}": ${found.fault}`, {
    hint: found.mend,
  });
}
