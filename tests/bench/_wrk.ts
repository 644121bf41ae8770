import { fileURLToPath } from "node:url";
import { isRecord } from "../../supabase/functions/_shared/values.ts";
import { succeed } from "../_support/run.ts";
import type { Span } from "./_ending.ts";

/** What load.lua is told. */
export interface Load {
  kind: "beat" | "handshake" | "fixed";
  connections: number;
  file: string;
  agents?: number;
  secret?: string;
  bad?: number;
  badKind?: "garbage" | "forged";
  mix?: number;
  close?: 1;
  rate?: number;
}

/** What wrk saw; times are in microseconds, and begin when a request is sent on a connection that stands. */
export interface Seen {
  requests: number;
  microseconds: number;
  /** Replies that were not 2xx or 3xx. */
  refused: number;
  /** Requests that were sent with a token that does not hold. */
  bad: number;
  p50: number;
  p99: number;
  p999: number;
  worst: number;
}

const script = fileURLToPath(new URL("load.lua", import.meta.url));

/** Sends requests for some seconds. @throws when another one was refused than those that were bad */
export async function drive(url: string, load: Load, { seconds, signal }: Span): Promise<Seen> {
  const { connections, ...options } = load;
  const told = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const args = [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--timeout",
    "15s",
    "-s",
    script,
    url,
    "--",
    ...told,
  ];
  const seen = parseSeen((await succeed("wrk", args, { timeoutSeconds: seconds + 60, signal })).stdout);
  // Those under way at the end were sent, and not answered.
  const expected = { from: seen.bad - connections - 1, to: seen.bad };
  if (seen.refused < expected.from || seen.refused > expected.to) {
    throw new Error(
      `Cannot measure: ${seen.refused} of ${seen.requests} were refused, ${seen.bad} were to be`,
    );
  }
  return seen;
}

/** The line of JSON at the end of what wrk printed. @throws when a connection failed */
export function parseSeen(output: string): Seen {
  const value: unknown = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  const read = (name: string): number => {
    const number = isRecord(value) ? value[name] : undefined;
    if (typeof number !== "number") throw new TypeError(`Cannot read what wrk printed: it has no "${name}"`);
    return number;
  };
  const failed = read("failed");
  if (failed > 0) throw new Error(`Cannot measure: ${failed} connections failed`);
  return {
    requests: read("requests"),
    microseconds: read("microseconds"),
    refused: read("refused"),
    bad: read("bad"),
    p50: read("p50"),
    p99: read("p99"),
    p999: read("p999"),
    worst: read("worst"),
  };
}
