import process from "node:process";
import { isLoopback } from "./url.ts";
import type { Failure } from "../terminal/errors.ts";

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

const timeoutMs = 5000;
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
      hint: isLoopback(hostname)
        ? "openclaw-server serve, or where the server is elsewhere: openclaw configure --url https://fleet.example.com"
        : `curl -v telnet://${hostname}:${port} on another host tells a firewall from a server that does not run`,
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
    const hasAuthority = caCerts.length > 0;
    const { detail, hint } = tlsFault(error.message, { host: url.hostname, hasAuthority }) ??
      { detail: `TLS failed: ${error.message}`, hint: "check the port in the URL, and the server's log" };
    return { name: "tls", ok: false, detail, hint, failure: "unreachable" };
  }
}

/** What is wrong with the server's TLS, in the words of rustls, and what mends it; null for what it does not know. */
export function tlsFault(
  message: string,
  { host, hasAuthority }: { host: string; hasAuthority: boolean },
): { detail: string; hint: string } | null {
  if (/InvalidContentType|InvalidMessage/.test(message)) {
    return {
      detail: `what answers there speaks no TLS: ${message}`,
      hint: "check the port in the URL; a server on this host may be http://",
    };
  }
  if (/end of file|tls handshake eof/.test(message)) {
    return {
      detail: `the connection was closed before TLS was agreed on: ${message}`,
      hint: "check the port in the URL, and what stands between: a firewall, a proxy",
    };
  }
  const hint = certificateHint(message, { host, hasAuthority });
  return hint === null ? null : { detail: `the certificate does not hold: ${message}`, hint };
}

function certificateHint(
  message: string,
  { host, hasAuthority }: { host: string; hasAuthority: boolean },
): string | null {
  if (/CaUsedAsEndEntity/.test(message)) {
    const name = /^[\d.]+$|:/.test(host) ? `IP:${host.replace(/^\[|\]$/g, "")}` : `DNS:${host}`;
    return "it is an authority's own, which no server may show: make it another with openssl req -x509 " +
      `-newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN=openclaw -addext subjectAltName=${name} ` +
      "-addext basicConstraints=critical,CA:FALSE, and give its cert.pem here with --ca-file";
  }
  if (/not valid for name|NotValidForName/.test(message)) {
    return "write the name that the certificate is for in --url, or give the server one for this name";
  }
  if (/UnknownIssuer|BadSignature/.test(message)) {
    return hasAuthority
      ? "another authority signed it than those in --ca-file or SSL_CERT_FILE: give the file of that one"
      : "give the certificate authority's PEM file with --ca-file";
  }
  if (/expired|not valid yet|NotValidYet/i.test(message)) {
    return `renew the server's certificate; where its dates are right, this host's clock is not: ${clockHint()}`;
  }
  return /certificate/i.test(message) ? "check the server's certificate with openssl s_client" : null;
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
    () => reject(new Error(`no answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
