import { dirname } from "node:path";
import { CliError } from "../terminal/errors.ts";
import { isPrintable } from "../terminal/printable.ts";
import { type Fields, isText, parseObject } from "../host/json.ts";
import { type Environment, placesHere } from "../host/paths.ts";
import { type Exposure, folderExposure, readWithExposure } from "../host/private_file.ts";
import { shellQuote } from "../host/shell_quote.ts";
import { namesCode } from "./enrollment.ts";
import { type AgentKey, uuid } from "./named_agent.ts";
import { secretFault } from "./secret.ts";

/** What a credentials file holds. */
export interface StoredCredentials {
  url: string;
  agentId: string;
  secret: string;
  /** The identity that is to take the place of this one: kept beside it until a handshake with it was accepted. */
  next?: AgentKey | null;
}

/** Credentials, and the file that they came from. `brought`: by systemd, which brings the same again at each start. */
export type FoundCredentials = StoredCredentials & Found;
type Found = { path: string; brought: boolean };

type Warn = (text: string) => void;
type CredentialsFile = { text: string; open: Exposure | null };

const hint = "openclaw configure";

/**
 * The server that the credentials file names, or null where there is no such file: it counts for
 * every agent. One that may not be read is an error, or the secret would go to the default server instead.
 */
export async function storedUrl(environment: Environment): Promise<string | null> {
  const { path, brought } = await findCredentials(environment);
  try {
    const file = await readCredentialsFile(path);
    return file === null ? null : (await checkStored(file, { path, brought }, () => undefined)).url;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const message = `${error.message}; it names the server where --url does not`;
    throw new CliError(error.failure, message, { cause: error, ...(error.hint ? { hint: error.hint } : {}) });
  }
}

/** Where the credentials file is, or would be: the user's or service's own, else the one that systemd brings. */
export async function findCredentials(environment: Environment): Promise<Found> {
  const { credentials: path } = await placesHere(environment);
  const folder = environment("CREDENTIALS_DIRECTORY");
  if (folder === undefined || await readCredentialsFile(path) !== null) return { path, brought: false };
  const given = `${folder}/credentials.json`;
  return await readCredentialsFile(given) === null
    ? { path, brought: false }
    : { path: given, brought: true };
}

/** The credentials file's text: an object with its keys in a fixed order, a line each. */
export function formatCredentials({ url, agentId, secret, next }: StoredCredentials): string {
  const newer = next ? { next_agent_id: next.agentId, next_agent_secret: next.secret } : {};
  const fields = { version: 1, url, agent_id: agentId, agent_secret: secret, ...newer };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** What the text of a credentials file says, or what is wrong with it. The fault repeats nothing of it. */
export function parseCredentials(text: string): StoredCredentials | { fault: string } {
  const fields = parseObject(text);
  if (fields === null) return { fault: "it is not a JSON object" };
  const { version, url, agent_id, agent_secret } = fields;
  if (version !== 1) return { fault: '"version" is not 1' };
  if (!isText(url)) return { fault: '"url" is missing' };
  if (!isPrintable(url)) return { fault: '"url" has a control character' };
  if (!isText(agent_id) || !uuid.test(agent_id)) return { fault: '"agent_id" is not a UUID' };
  const fault = isText(agent_secret) ? secretFault(agent_secret) : "it is missing";
  if (fault !== null || !isText(agent_secret)) return { fault: `"agent_secret" cannot be right: ${fault}` };
  return { url, agentId: agent_id.toLowerCase(), secret: agent_secret, next: parseNext(fields) };
}

/** The newer identity, or null when the file has none or a malformed one; the older one is used in both cases. */
function parseNext({ next_agent_id: id, next_agent_secret: secret }: Fields): AgentKey | null {
  if (!isText(id) || !uuid.test(id) || !isText(secret) || secretFault(secret) !== null) return null;
  return { agentId: id.toLowerCase(), secret };
}

/**
 * What the credentials file at a path holds; null when there is none.
 *
 * @throws {CliError} when it may not be used
 */
export async function readStoredAt(path: string): Promise<StoredCredentials | null> {
  const file = await readCredentialsFile(path);
  return file === null ? null : await checkStored(file, { path, brought: false }, () => undefined);
}

/** What the credentials file holds, where it is there and may be used; else null. */
export async function readUsable(environment: Environment): Promise<StoredCredentials | null> {
  try {
    const found = await findCredentials(environment);
    const file = await readCredentialsFile(found.path);
    if (file === null) return null;
    const { path: _, brought: __, ...stored } = await checkStored(file, found, () => undefined);
    return stored;
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}

/** The agent that the credentials file names, and the file. */
export async function readStored(environment: Environment, warn: Warn): Promise<FoundCredentials> {
  const found = await findCredentials(environment);
  const file = await readCredentialsFile(found.path);
  if (file !== null) return await checkStored(file, found, warn);
  throw new CliError(
    "usage",
    `Cannot tell which agent this is: no flags, no environment and no "${found.path}"`,
    { hint: namesCode(environment) ? "openclaw enroll" : hint },
  );
}

async function checkStored(
  file: CredentialsFile,
  { path, brought }: Found,
  warn: Warn,
): Promise<FoundCredentials> {
  const open = file.open ?? await folderExposure(dirname(path));
  if (open !== null && brought) warn(`the credentials file "${path}" is open to others: ${open.fault}`);
  if (open !== null && !brought) {
    throw new CliError("refused", `Cannot use the credentials file "${path}": ${open.fault}`, {
      hint: open.mend,
    });
  }
  const read = parseCredentials(file.text);
  if ("fault" in read) {
    throw new CliError("usage", `Cannot use the credentials file "${path}": ${read.fault}`, { hint });
  }
  return { ...read, path, brought };
}

/** Null when there is none. */
async function readCredentialsFile(path: string): Promise<CredentialsFile | null> {
  try {
    return await readWithExposure(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CliError("refused", `Cannot read the credentials file "${path}": ${error.message}`, {
      cause: error,
      hint: error instanceof Deno.errors.PermissionDenied ? mendOf(path) : hint,
    });
  }
}

/** What gives this user the file, for which it takes another one. */
function mendOf(path: string): string {
  const file = shellQuote(path);
  return Deno.build.os === "windows" ? hint : `sudo chown ${Deno.uid()} ${file} && chmod 600 ${file}`;
}
