import { dirname, join } from "node:path";
import { parseObject } from "../host/json.ts";
import { version } from "../version.ts";
import { CliError, isErrno } from "../terminal/errors.ts";
import type { ServiceLayout } from "./layout.ts";

export type ServiceKind = "none" | "systemd-system" | "systemd-user" | "launchd" | "task";

/** What an installation put on a host, by this program or by an installer; both write it, and read each other's. */
export interface Manifest {
  version: string;
  writtenBy: string;
  url: string;
  agentId: string;
  program: "binary" | "script";
  service: ServiceKind;
  /**
   * The SHA-256 of each file in lower-case hex: one, or, until the installation is done, that of what it replaces, too.
   * Null for what changes while the service runs: credentials, session, lock, log.
   */
  files: Map<string, string[] | null>;
  /** The folders that it made, the deepest first. */
  folders: string[];
}

const services: string[] = ["none", "systemd-system", "systemd-user", "launchd", "task"];
const maxBytes = 65_536;

/**
 * The manifest at its place; null when there is none.
 *
 * @throws {CliError} `conflict` when another user may have written it, or it is not a manifest
 */
export async function readManifest(layout: ServiceLayout): Promise<Manifest | null> {
  const { manifest: path } = layout;
  const fault = await distrust(layout);
  if (fault === null) return null;
  const manifest = fault === "" ? parseManifest(await Deno.readTextFile(path)) : null;
  if (manifest !== null) return manifest;
  throw new CliError(
    "conflict",
    `Cannot use the manifest "${path}": ${fault || "openclaw did not write it so"}`,
    {
      hint: "look at it, and move it away if it is not needed",
    },
  );
}

/** Why the file is not to be believed; empty when it is, null when it is not there. */
async function distrust({ os, scope, manifest: path }: ServiceLayout): Promise<string | null> {
  try {
    const { isFile, uid, mode, size } = await Deno.lstat(path);
    if (!isFile) return "it is not a file";
    if (size > maxBytes) return "it is too large";
    if (os === "windows" || Deno.build.os === "windows") return "";
    const owner = scope === "system" ? 0 : Deno.uid();
    if (uid !== owner) return `it belongs to user ${uid}, not to ${owner === 0 ? "root" : `user ${owner}`}`;
    return ((mode ?? 0) & 0o022) === 0 ? "" : "other users may write to it";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
}

/** Null for a text that is not a manifest. */
export function parseManifest(text: string): Manifest | null {
  const object = parseObject(text);
  if (object === null) return null;
  const { version, written_by: writtenBy, url, agent_id: agentId, program, service, folders } = object;
  const files = parseFiles(object.files);
  const isWhole = typeof version === "string" && typeof writtenBy === "string" && typeof url === "string" &&
    typeof agentId === "string" && (program === "binary" || program === "script") && isServiceKind(service);
  if (!isWhole || files === null || !isStrings(folders)) return null;
  return { version, writtenBy, url, agentId, program, service, files, folders };
}

function parseFiles(value: unknown): Manifest["files"] | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const files: Manifest["files"] = new Map();
  for (const [path, hashes] of Object.entries(value)) {
    if (hashes !== null && !/^[0-9a-f]{64}( [0-9a-f]{64})*$/.test(String(hashes))) return null;
    files.set(path, hashes === null ? null : String(hashes).split(" "));
  }
  return files;
}

function isServiceKind(value: unknown): value is ServiceKind {
  return typeof value === "string" && services.includes(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** One line a file, so that the installers can read it with the tools of every host. */
export function formatManifest({ files, folders, ...manifest }: Manifest): string {
  const object = {
    version: manifest.version,
    written_by: manifest.writtenBy,
    url: manifest.url,
    agent_id: manifest.agentId,
    program: manifest.program,
    service: manifest.service,
    files: Object.fromEntries([...files].map(([path, hashes]) => [path, hashes?.join(" ") ?? null])),
    folders,
  };
  return `${JSON.stringify(object, null, 2)}\n`;
}

/** What this program installs in a layout: the hashes are of what it is about to write. */
export function manifestOf(
  layout: ServiceLayout,
  { url, agentId, hashes, folders }: {
    url: string;
    agentId: string;
    hashes: { program: string[]; unit: string[] };
    folders: string[];
  },
): Manifest {
  const { os, scope, program, unit, credentials, session, log } = layout;
  const service = os === "linux" ? `systemd-${scope}` as const : os === "darwin" ? "launchd" : "task";
  const files: Manifest["files"] = new Map([
    [program, hashes.program],
    [unit, hashes.unit],
    ...[
      credentials,
      session,
      join(dirname(session), `monitor-${agentId}.lock`),
      ...(log === null ? [] : [log]),
    ]
      .map((path): [string, null] => [path, null]),
  ]);
  return { version, writtenBy: "openclaw", url, agentId, program: "binary", service, files, folders };
}
