import {
  beat,
  type BeatReport,
  type Client,
  type Credentials,
  type HandshakeReply,
  type HeartbeatReply,
  type Outcome,
} from "../api/agent.ts";
import type { Setup } from "../identity/setup.ts";
import { version } from "../version.ts";
import type { Change, Keeper } from "./keeper.ts";

/** The server, as one agent sees it. */
export interface Server {
  handshake: (signal: AbortSignal) => Promise<Outcome<HandshakeReply>>;
  beat: (token: string, report: BeatReport, signal: AbortSignal) => Promise<Outcome<HeartbeatReply>>;
  /** Has another secret made, and uses it; see Keeper. */
  rotate: (signal: AbortSignal) => Promise<Change>;
  /** Uses the identity that the server gave to this host; see Keeper. */
  adopt: (identity: Credentials, signal: AbortSignal) => Promise<Change>;
  /** Gives up the connections that are kept: the next request opens a new one. */
  hangUp: () => void;
}

/** What this process says of itself; a new `instanceId` with every start. */
export function describeProcess(supports: readonly string[] = []): Client {
  const { os, arch } = Deno.build;
  return {
    client: { version, hostname: cleanHostname(Deno.hostname()), os, arch, supports },
    instanceId: crypto.randomUUID(),
  };
}

/** The server as an agent sees it. The setup is asked for each time: the credentials may have been read again. */
export function serverOf(setup: () => Setup, keeper: Keeper, timeoutMs?: number): Server {
  return {
    handshake: (signal) => keeper.handshake(signal),
    rotate: (signal) => keeper.rotate(signal),
    adopt: (identity, signal) => keeper.adopt(identity, signal),
    beat: (token, report, signal) => beat(setup().connection, token, { report, signal, timeoutMs }),
    hangUp: () => setup().connection.pool?.renew(),
  };
}

/**
 * A host's name as a server takes one. What describes the host is a courtesy, and never a reason to fail: what is no
 * text (a CR of an /etc/hostname that Windows wrote) is replaced.
 */
export function cleanHostname(name: string): string {
  return [...name.replace(/[\p{Cc}\p{Cs}]/gu, "-")].slice(0, 255).join("") || "unknown";
}
