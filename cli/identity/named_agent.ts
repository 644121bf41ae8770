import { asCalled } from "../terminal/called.ts";
import { CliError } from "../terminal/errors.ts";
import type { Environment } from "../host/paths.ts";
import { printable } from "../terminal/printable.ts";
import { secretFault } from "./secret.ts";
import { isPipe, readSecretFile } from "./secret_file.ts";

/** What a command line says of server and agent. */
export interface IdentityFlags {
  url?: string | undefined;
  agentId?: string | undefined;
  agentSecret?: string | undefined;
  agentSecretFile?: string | undefined;
}

/** What one layer says of the agent: id and secret are taken from one layer together, never from two. */
export interface NamedAgent {
  layer: "flags" | "environment";
  agentId: string | undefined;
  secret: string | undefined;
  secretFile: string | undefined;
}

/** An agent's id, in lower case, and its secret, both well-formed. */
export interface AgentKey {
  agentId: string;
  secret: string;
}

/** The form of an agent's id. */
export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const names = {
  flags: { agentId: "--agent-id", secretFile: "--agent-secret-file", secret: "--agent-secret" },
  environment: {
    agentId: "OPENCLAW_AGENT_ID",
    secretFile: "OPENCLAW_AGENT_SECRET_FILE",
    secret: "OPENCLAW_AGENT_SECRET",
  },
} as const;
const hint = "openclaw configure";

/**
 * What the first layer that says anything of the agent says: flags, then environment; null when neither does.
 *
 * @throws {CliError} `usage` when that layer has both a secret and a file with one
 */
export function namedAgent(flags: IdentityFlags, environment: Environment): NamedAgent | null {
  const { agentId, agentSecret, agentSecretFile } = flags;
  const layers: NamedAgent[] = [
    { layer: "flags", agentId, secret: agentSecret, secretFile: agentSecretFile },
    {
      layer: "environment",
      agentId: environment(names.environment.agentId),
      secret: environment(names.environment.secret),
      secretFile: environment(names.environment.secretFile),
    },
  ];
  const named = layers.find(({ layer: _, ...given }) =>
    Object.values(given).some((value) => value !== undefined)
  );
  if (named === undefined) return null;
  if (named.secret === undefined || named.secretFile === undefined) return named;
  const { secret, secretFile } = names[named.layer];
  throw new CliError("usage", `Cannot tell which secret to use: both ${secretFile} and ${secret} are given`, {
    hint: named.layer === "flags" ? `give either ${secret} or ${secretFile}` : `unset ${secret}`,
  });
}

/**
 * The id and the secret that a layer names.
 *
 * @throws {CliError} `usage` when one of them is missing or malformed, and as readSecretFile does
 */
export async function readAgentKey(named: NamedAgent, warn: (text: string) => void): Promise<AgentKey> {
  const { agentId, secretFile } = names[named.layer];
  const secret = await readSecret(named, warn);
  if (named.agentId !== undefined && secret !== null) {
    const key = checkAgentKey(named.agentId, secret);
    warnOfOpenFlag(named, warn);
    return key;
  }
  const missing = named.agentId === undefined ? agentId : secretFile;
  throw new CliError(
    "usage",
    `Cannot tell which agent this is: ${missing} is missing, id and secret are given together`,
    { hint },
  );
}

/** The secret that a layer names, not yet checked; null when it names none. */
export async function readSecret(
  { secret, secretFile }: NamedAgent,
  warn: (text: string) => void,
): Promise<string | null> {
  return secretFile === undefined ? secret ?? null : await readSecretFile(secretFile, warn);
}

/** Warns of a secret that stands in a command line. */
export function warnOfOpenFlag({ layer, secret }: NamedAgent, warn: (text: string) => void): void {
  if (secret === undefined || layer !== "flags") return;
  warn(
    `--agent-secret is visible to every user of this host in ps: --agent-secret-file and "${
      asCalled("openclaw configure")
    }" are safer`,
  );
}

/** @throws {CliError} `usage` for an id or a secret that is not well-formed; white space and a BOM around them are cut off */
export function checkAgentKey(agentId: string, secret: string): AgentKey {
  const id = agentId.trim();
  if (!uuid.test(id)) {
    throw new CliError("usage", `Cannot use the agent id "${printable(id.slice(0, 60))}": it is not a UUID`, {
      hint: `${hint} --agent-id <uuid>, with the id from the reply that created the agent`,
    });
  }
  const fault = secretFault(secret.trim());
  if (fault !== null) {
    throw new CliError("usage", `Cannot use the agent secret: ${fault}`, {
      hint: `${hint}, with the whole secret from the reply that created the agent`,
    });
  }
  return { agentId: id.toLowerCase(), secret: secret.trim() };
}

/** Whether the secret that flags or environment name has to be waited for at a pipe. */
export async function comesFromPipe(flags: IdentityFlags, environment: Environment): Promise<boolean> {
  return await isPipe(namedAgent(flags, environment)?.secretFile ?? "-");
}
