import process from "node:process";
import type { Failure } from "../errors.ts";

/** One line of the doctor's report. */
export interface Check {
  name: string;
  /** Null: there was nothing to check. */
  ok: boolean | null;
  detail: string;
  hint?: string | undefined;
  /** What the exit code says when this one fails. */
  failure?: Failure;
}

const patienceMilliseconds = 5000;
const tolerableSeconds = 30;

/** Whether the server's name has an address. */
export async function checkDns({ hostname }: URL): Promise<Check> {
  const name = hostname.replace(/^\[|\]$/g, "");
  if (/^[\d.]+$/.test(name) || name.includes(":")) {
    return { name: "dns", ok: null, detail: `${name} is an address, there is nothing to resolve` };
  }
  try {
    // Deno 2.4's own module warns of its own import.
    Object.assign(process, { noDeprecation: true });
    const { lookup } = await import("node:dns/promises");
    const found = await within(lookup(name, { all: true }));
    return { name: "dns", ok: true, detail: `${name} is ${found.map(({ address }) => address).join(", ")}` };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      name: "dns",
      ok: false,
      detail: `${name} cannot be resolved: ${error.message}`,
      hint: `nslookup ${name}; if it fails elsewhere too, the name in the URL is wrong`,
      failure: "unreachable",
    };
  }
}

/** Whether something listens at the host and port. */
export async function checkTcp(hostname: string, port: number): Promise<Check> {
  const started = performance.now();
  try {
    const connection = await within(Deno.connect({ hostname: hostname.replace(/^\[|\]$/g, ""), port }));
    connection.close();
    const took = Math.round(performance.now() - started);
    return { name: "tcp", ok: true, detail: `port ${port} answers after ${took} ms` };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      name: "tcp",
      ok: false,
      detail: `port ${port} of ${hostname} cannot be reached: ${error.message}`,
      hint:
        `curl -v telnet://${hostname}:${port} on another host tells a firewall from a server that does not run`,
      failure: "unreachable",
    };
  }
}

/** Whether the server's certificate holds. */
export async function checkTls(url: URL, caCerts: string[]): Promise<Check> {
  if (url.protocol === "http:") {
    return { name: "tls", ok: null, detail: "the URL is http, nothing is encrypted" };
  }
  try {
    const port = Number(url.port || 443);
    const connection = await within(
      Deno.connectTls({ hostname: url.hostname.replace(/^\[|\]$/g, ""), port, caCerts }),
    );
    try {
      await within(connection.handshake());
    } finally {
      connection.close();
    }
    return { name: "tls", ok: true, detail: "the certificate holds" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      name: "tls",
      ok: false,
      detail: `the certificate does not hold: ${error.message}`,
      hint: /expired|NotValidYet|not valid yet/i.test(error.message)
        ? "check this host's clock, and the certificate's dates"
        : "give the certificate authority's PEM file with --ca-file",
      failure: "unreachable",
    };
  }
}

/** How far this host's clock is from the server's: positive when this one is ahead. */
export function checkClock(
  { serverTime, sentAt, receivedAt }: { serverTime: number | null; sentAt: number; receivedAt: number },
): Check {
  if (serverTime === null) return { name: "clock", ok: null, detail: "the server did not tell its time" };
  const offset = ((sentAt + receivedAt) / 2 - serverTime) / 1000;
  const way = offset > 0 ? "ahead of" : "behind";
  if (Math.abs(offset) <= tolerableSeconds) {
    return {
      name: "clock",
      ok: true,
      detail: `within ${Math.max(1, Math.ceil(Math.abs(offset)))} s of the server's`,
    };
  }
  return {
    name: "clock",
    ok: false,
    detail: `this host is ${durationText(Math.abs(offset))} ${way} the server`,
    hint: clockHint(),
    failure: "unexpected",
  };
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function clockHint(): string {
  if (Deno.build.os === "windows") return "w32tm /resync";
  if (Deno.build.os === "darwin") return "sudo sntp -sS time.apple.com";
  return "sudo timedatectl set-ntp true";
}

async function within<Value>(work: Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${patienceMilliseconds / 1000} s`)),
    patienceMilliseconds,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
