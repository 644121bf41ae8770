import {
  beat,
  type BeatReport,
  type Client,
  type Credentials,
  handshake,
  type HandshakeReply,
  type HeartbeatReply,
  type Limits,
  type Outcome,
} from "../api/agent.ts";
import type { Setup } from "../identity/setup.ts";
import { fingerprint } from "../identity/secret.ts";
import { version } from "../version.ts";
import { SessionCache } from "./session_cache.ts";

/** The server, as one agent sees it. */
export interface Server {
  handshake: (signal: AbortSignal) => Promise<Outcome<HandshakeReply>>;
  beat: (token: string, report: BeatReport, signal: AbortSignal) => Promise<Outcome<HeartbeatReply>>;
  /** Gives up the connections that are kept: the next request opens a new one. */
  hangUp: () => void;
}

/** What this process says of itself; a new `instanceId` with every start. */
export function describeProcess(): Client {
  return {
    client: { version, hostname: cleanHostname(Deno.hostname()), os: Deno.build.os, arch: Deno.build.arch },
    instanceId: crypto.randomUUID(),
  };
}

/** The server as an agent sees it. The setup is asked for each time: the credentials may have been read again. */
export function serverOf(setup: () => Setup, process: Client & Pick<Limits, "timeoutMs">): Server {
  const { timeoutMs } = process;
  return {
    handshake: (signal) => handshake(setup().connection, credentialsOf(setup()), { ...process, signal }),
    beat: (token, report, signal) => beat(setup().connection, token, { report, signal, timeoutMs }),
    hangUp: () => setup().connection.pool?.renew(),
  };
}

/** The cached session of these credentials at this server. */
export function cacheOf({ places, connection, identity }: Setup, warn: (text: string) => void): SessionCache {
  const owner = fingerprint({ ...identity, url: connection.url });
  return new SessionCache(places.state, { owner, warn });
}

export function credentialsOf({ identity: { agentId, secret } }: Setup): Credentials {
  return { agentId, secret };
}

/**
 * A host's name as a server takes one. What describes the host is a courtesy, and never a reason to fail: what is no
 * text (a CR of an /etc/hostname that Windows wrote) is replaced.
 */
export function cleanHostname(name: string): string {
  return [...name.replace(/[\p{Cc}\p{Cs}]/gu, "-")].slice(0, 255).join("") || "unknown";
}
