import { brotliCompress, constants, gzip } from "node:zlib";
import { promisify } from "node:util";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";

/** Where a reply goes that has no end yet. */
export interface Sink {
  /** Sends a piece; false when what was sent before has not been taken yet. */
  write: (piece: Uint8Array) => boolean;
  /** Ends the reply. */
  end: () => void;
  /** Ends the connection at once. */
  abort: () => void;
  /** Calls back once what was sent has been taken. */
  onceTaken: (callback: () => void) => void;
  /** Calls back when the reply has ended, whoever ended it. */
  onceEnded: (callback: () => void) => void;
}

/** A reply that goes on. */
export interface StreamedReply extends Omit<Reply, "body"> {
  stream: (sink: Sink) => void;
}

export type PageReply = Reply | StreamedReply;

/** What a browser may do with the page: nothing but what the page itself is made of. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const security: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  // Under "no-referrer" a form would be posted with `Origin: null`.
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A reply with the headers that every reply of the page has. */
export function secured<Secured extends PageReply>(reply: Secured): Secured {
  return { ...reply, headers: { ...security, ...reply.headers } };
}

export function htmlReply(text: string, status = 200): Reply {
  return { status, headers: { "content-type": "text/html; charset=utf-8" }, body: text };
}

export function textReply(text: string, status: number, headers: Reply["headers"] = {}): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body: `${text}\n` };
}

/** A smaller one is one packet anyway. */
const fewestBytes = 1400;
const zip = promisify<Uint8Array, Uint8Array>(gzip);
const brotli = promisify<Uint8Array, object, Uint8Array>(brotliCompress);

/** A larger reply as fewer bytes, if the client takes them. */
export async function compressed(reply: Reply, accepted: string | null): Promise<Reply> {
  const { body, headers } = reply;
  const isText = /^(text\/|application\/json|image\/svg)/.test(headers["content-type"] ?? "");
  if (body === null || !isText || body.length < fewestBytes || "content-encoding" in headers) return reply;
  const varying = { ...headers, vary: "accept-encoding" };
  if (!takes(accepted, "gzip")) return { ...reply, headers: varying };
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return { ...reply, headers: { ...varying, "content-encoding": "gzip" }, body: await zip(bytes) };
}

/** A file of the page, which is compressed once, as far as it goes. */
export class Asset {
  readonly #type: string;
  readonly #text: string;
  #zipped: Promise<Uint8Array> | null = null;

  constructor({ type, text }: { type: string; text: string }) {
    this.#type = type;
    this.#text = text;
  }

  async reply(accepted: string | null): Promise<Reply> {
    const headers = {
      "content-type": this.#type,
      "cache-control": "public, max-age=31536000, immutable",
      vary: "accept-encoding",
    };
    if (!takes(accepted, "br")) {
      return await compressed({ status: 200, headers, body: this.#text }, accepted);
    }
    const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
    this.#zipped ??= brotli(new TextEncoder().encode(this.#text), quality);
    return { status: 200, headers: { ...headers, "content-encoding": "br" }, body: await this.#zipped };
  }
}

/** Whether an `Accept-Encoding` takes a coding (RFC 9110 section 12.5.3). */
export function takes(accepted: string | null, coding: string): boolean {
  return (accepted ?? "").toLowerCase().split(",").some((one) => {
    const [name = "", ...parameters] = one.split(";").map((part) => part.trim());
    return name === coding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
