import type { Environment } from "../host/paths.ts";
import { readStored, storedUrl } from "./credentials.ts";
import { type AgentKey, type IdentityFlags, namedAgent, readAgentKey } from "./named_agent.ts";

/** Which agent this is, and where that was found. */
export interface Identity {
  agentId: string;
  secret: string;
  layer: "flags" | "environment" | "file";
  /** The identity that is to take the place of this one, if there is one. */
  next: AgentKey | null;
  /** The file that the secret came from, if it was one. */
  path: string | null;
  /** Whether systemd brought the credentials file. */
  brought: boolean;
  /** What the credentials file says of the server. */
  url: string | null;
}

/**
 * The agent's id and secret from the first layer that has them: flags, environment, file. Never one from here
 * and the other from there.
 *
 * @throws {CliError} `usage` when no layer has them, one has only half, or they are malformed; `refused` when the
 * file is open to others.
 */
export async function readIdentity(
  flags: IdentityFlags,
  { environment, warn }: { environment: Environment; warn: (text: string) => void },
): Promise<Identity> {
  const named = namedAgent(flags, environment);
  if (named === null) {
    const { next = null, ...stored } = await readStored(environment, warn);
    return { ...stored, next, layer: "file" };
  }
  const key = await readAgentKey(named, warn);
  const isServerNamed = flags.url !== undefined || environment("OPENCLAW_URL") !== undefined;
  const url = isServerNamed ? null : await storedUrl(environment);
  const { secretFile = "-" } = named;
  const path = secretFile === "-" ? null : secretFile;
  return { ...key, next: null, layer: named.layer, path, brought: false, url };
}
