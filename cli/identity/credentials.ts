import { dirname } from "node:path";
import { CliError, isErrno } from "../terminal/errors.ts";
import { isText, parseObject } from "../host/json.ts";
import { type Environment, placesHere } from "../host/paths.ts";
import { printable } from "../api/agent.ts";
import { exposure, folderExposure } from "../host/private_file.ts";
import { shellQuote } from "../host/shell_quote.ts";
import { secretFault } from "./secret.ts";

/** What a command line says of server and agent. */
export interface IdentityFlags {
  url?: string | undefined;
  agentId?: string | undefined;
  agentSecret?: string | undefined;
  agentSecretFile?: string | undefined;
}

/** Who this agent is, and where that was found. */
export interface Identity {
  agentId: string;
  secret: string;
  layer: "flags" | "environment" | "file";
  /** The file that the secret came from, if it was one. */
  path: string | null;
  /** What the credentials file says of the server. */
  url: string | null;
}

/** What a credentials file holds. */
export interface StoredCredentials {
  url: string;
  agentId: string;
  secret: string;
}

type Warn = (text: string) => void;

/** The form of an agent's id. */
export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const hint = "openclaw configure";

/**
 * The agent's id and secret from the first layer that has them: flags, environment, file. Never one from here
 * and the other from there.
 *
 * @throws {CliError} `usage` when no layer has them or one has only half, `refused` when they cannot be right or
 * the file is open to others.
 */
export async function readIdentity(
  flags: IdentityFlags,
  { environment, warn }: { environment: Environment; warn: Warn },
): Promise<Identity> {
  const given = await readLayer("flags", {
    agentId: flags.agentId,
    secret: flags.agentSecret,
    secretFile: flags.agentSecretFile,
  }, warn) ?? await readLayer("environment", {
    agentId: environment("OPENCLAW_AGENT_ID"),
    secret: environment("OPENCLAW_AGENT_SECRET"),
    secretFile: environment("OPENCLAW_AGENT_SECRET_FILE"),
  }, warn);
  if (given === null) return await readStored(environment, warn);
  const isNamed = flags.url !== undefined || environment("OPENCLAW_URL") !== undefined;
  const url = isNamed ? null : await storedUrl(environment);
  if (flags.agentSecret !== undefined) {
    warn(
      "--agent-secret can be read by everybody on this host (ps): --agent-secret-file and openclaw configure are safer",
    );
  }
  return { ...given, url };
}

/**
 * The server that the credentials file names, or null where there is no such file: it counts, whoever the agent is. One that may not be read is an
 * error, or the secret would go to the default server instead.
 */
export async function storedUrl(environment: Environment): Promise<string | null> {
  const { path, brought } = await findCredentials(environment);
  try {
    const text = await readCredentialsFile(path);
    return text === null ? null : (await checkStored(text, { path, brought }, () => undefined)).url;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const message = `${error.message}; it names the server where --url does not`;
    throw new CliError(error.failure, message, { cause: error, ...(error.hint ? { hint: error.hint } : {}) });
  }
}

/** Where the credentials file is, or would be: the user's or service's own, else the one that systemd brings. */
export async function findCredentials(environment: Environment): Promise<{ path: string; brought: boolean }> {
  const { credentials: path } = await placesHere(environment);
  const folder = environment("CREDENTIALS_DIRECTORY");
  if (folder === undefined || await readCredentialsFile(path) !== null) return { path, brought: false };
  const given = `${folder}/credentials.json`;
  return await readCredentialsFile(given) === null
    ? { path, brought: false }
    : { path: given, brought: true };
}

/** The credentials file's text: an object with its keys in a fixed order. */
export function formatCredentials({ url, agentId, secret }: StoredCredentials): string {
  return `${JSON.stringify({ version: 1, url, agent_id: agentId, agent_secret: secret }, null, 2)}\n`;
}

/** What the text of a credentials file says, or what is wrong with it. The fault repeats nothing of it. */
export function parseCredentials(text: string): StoredCredentials | { fault: string } {
  const fields = parseObject(text);
  if (fields === null) return { fault: "it is no JSON object" };
  const { version, url, agent_id, agent_secret } = fields;
  if (version !== 1) return { fault: '"version" is not 1' };
  if (!isText(url)) return { fault: '"url" is missing' };
  if (!isText(agent_id) || !uuid.test(agent_id)) return { fault: '"agent_id" is not a UUID' };
  const fault = isText(agent_secret) ? secretFault(agent_secret) : "it is missing";
  if (fault !== null || !isText(agent_secret)) return { fault: `"agent_secret" cannot be right: ${fault}` };
  return { url, agentId: agent_id.toLowerCase(), secret: agent_secret };
}

/** @throws {CliError} `usage` for an id that is not one, `refused` for a secret that cannot be right. */
export function checkCredentials(agentId: string, secret: string): { agentId: string; secret: string } {
  if (!uuid.test(agentId)) {
    throw new CliError(
      "usage",
      `Cannot use the agent id "${printable(agentId.slice(0, 60))}": it is not a UUID`,
      {
        hint: `${hint} --agent-id <uuid>, with the id from the answer that created the agent`,
      },
    );
  }
  const fault = secretFault(secret);
  if (fault !== null) {
    throw new CliError("refused", `Cannot use the agent secret: ${fault}`, {
      hint: `${hint}, with the whole secret from the answer that created the agent`,
    });
  }
  return { agentId: agentId.toLowerCase(), secret };
}

interface Layer {
  agentId: string | undefined;
  secret: string | undefined;
  secretFile: string | undefined;
}

async function readLayer(
  layer: "flags" | "environment",
  { agentId, secret, secretFile }: Layer,
  warn: Warn,
): Promise<Identity | null> {
  if (agentId === undefined && secret === undefined && secretFile === undefined) return null;
  const names = layer === "flags"
    ? ["--agent-id", "--agent-secret-file", "--agent-secret"]
    : ["OPENCLAW_AGENT_ID", "OPENCLAW_AGENT_SECRET_FILE", "OPENCLAW_AGENT_SECRET"];
  if (secret !== undefined && secretFile !== undefined) {
    throw new CliError(
      "usage",
      `Cannot tell which secret to use: both ${names[1]} and ${names[2]} are given`,
      { hint: layer === "flags" ? `${hint} --agent-secret-file <file>` : `unset ${names[2]}` },
    );
  }
  if (agentId === undefined || (secret === undefined && secretFile === undefined)) {
    const missing = agentId === undefined ? names[0] : names[1];
    throw new CliError(
      "usage",
      `Cannot tell which agent this is: ${missing} is missing, id and secret are given together`,
      {
        hint,
      },
    );
  }
  const text = secretFile === undefined ? secret ?? "" : await readSecretFile(secretFile, warn);
  const path = secretFile === undefined || secretFile === "-" ? null : secretFile;
  return { ...checkCredentials(agentId, text.trim()), layer, path, url: null };
}

/** Whether the secret has to be waited for at a pipe. */
export async function comesFromPipe(
  { agentSecretFile }: IdentityFlags,
  environment: Environment,
): Promise<boolean> {
  const path = agentSecretFile ?? environment("OPENCLAW_AGENT_SECRET_FILE") ?? "-";
  try {
    return path !== "-" && !(await Deno.stat(path)).isFile;
  } catch (error) {
    // Whoever reads it says what is wrong.
    if (error instanceof Error) return false;
    throw error;
  }
}

/** A secret's file was put there by somebody else's tool: that it is open earns a warning only. */
export async function readSecretFile(path: string, warn: Warn): Promise<string> {
  try {
    if (path === "-" || !(await Deno.stat(path)).isFile) return await readOnce(path);
    const open = await exposure(path);
    if (open !== null) warn(`the secret's file "${path}" is open to others: ${open.fault}; ${open.mend}`);
    return await readAll((await Deno.open(path)).readable);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CliError) throw error;
    const missing = error instanceof Deno.errors.NotFound;
    throw new CliError(
      missing ? "notFound" : "refused",
      `Cannot read the agent secret from "${path}": ${missing ? "there is no such file" : error.message}`,
      {
        hint: "--agent-secret-file <file>, with a file that this user can read, or - for stdin",
        cause: error,
      },
    );
  }
}

const texts = new Map<string, Promise<string>>();

/** Stdin and pipes can be read once, and a monitor may be told to read its credentials again. */
function readOnce(path: string): Promise<string> {
  const text = texts.get(path) ?? (path === "-" ? readStdin() : readPipe(path));
  texts.set(path, text);
  return text;
}

async function readStdin(): Promise<string> {
  if (!Deno.stdin.isTerminal()) return await readAll(Deno.stdin.readable);
  throw new CliError(
    "usage",
    "Cannot read the agent secret from stdin: it is a terminal, which would show it",
    {
      hint: `${hint}, which asks for it and does not show it`,
    },
  );
}

async function readPipe(path: string): Promise<string> {
  return await readAll((await Deno.open(path)).readable);
}

/** No more than a secret could need: what is named may have no end. */
async function readAll(bytes: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > 4096) break;
  }
  return text;
}

async function readStored(environment: Environment, warn: Warn): Promise<Identity> {
  const found = await findCredentials(environment);
  const text = await readCredentialsFile(found.path);
  if (text !== null) return await checkStored(text, found, warn);
  throw new CliError(
    "usage",
    `Cannot tell which agent this is: no flags, no environment and no "${found.path}"`,
    { hint },
  );
}

async function checkStored(
  text: string,
  { path, brought }: { path: string; brought: boolean },
  warn: Warn,
): Promise<Identity> {
  const open = await exposure(path) ?? await folderExposure(dirname(path));
  if (open !== null && brought) warn(`the credentials file "${path}" is open to others: ${open.fault}`);
  if (open !== null && !brought) {
    throw new CliError("refused", `Cannot use the credentials file "${path}": ${open.fault}`, {
      hint: open.mend,
    });
  }
  const read = parseCredentials(text);
  if ("fault" in read) {
    throw new CliError("refused", `Cannot use the credentials file "${path}": ${read.fault}`, { hint });
  }
  return { ...read, layer: "file", path };
}

/** Null when there is none. */
async function readCredentialsFile(path: string): Promise<string | null> {
  try {
    const { isFile } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no regular file");
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
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

/** What the credentials file holds, where it is there and may be used; else null. */
export async function readUsable(environment: Environment): Promise<StoredCredentials | null> {
  try {
    const found = await findCredentials(environment);
    const text = await readCredentialsFile(found.path);
    if (text === null) return null;
    const { agentId, secret, url } = await checkStored(text, found, () => undefined);
    return url === null ? null : { agentId, secret, url };
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}
