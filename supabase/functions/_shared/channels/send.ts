import { type ChannelKind, type HttpKind, httpKinds, type Taken } from "./kinds.ts";
import { secretsOf, type Settings } from "./settings.ts";
import { signatureHeaders } from "./sign.ts";
import { TargetRefused } from "./targets.ts";
import { type Json, render, renderPlain, type Values } from "./template.ts";
import { type MessageType, type ToldIncident, wordsOf } from "./words.ts";
import { redact } from "../log.ts";
import { isRecord } from "../values.ts";

/** One POST: the body is JSON text. */
export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: string;
}

/** What the receiver replied. */
export interface PostReply {
  status: number;
  retryAfter: string | null;
  /** The beginning of the body. */
  text: string;
}

export interface Mail {
  /** The same for every try of one delivery. */
  id: string;
  to: string;
  subject: string;
  text: string;
}

/** The message did not reach the receiver, or no reply came. The message says why, and repeats no setting. */
export class NoReply extends Error {
  override readonly name = "NoReply";
}

/** How messages leave this process. Each throws `NoReply` or `TargetRefused`. */
export interface Transports {
  /** Checks the target, connects to what it checked, follows no redirect, and gives up after 15 s. */
  post: (post: Post) => Promise<PostReply>;
  /** Returns what the mail server answered. */
  mail: (mail: Mail) => Promise<string>;
}

/** Where nobody takes mail: each fails, and says which variable names somebody. */
export function noMail(variable: string): Transports["mail"] {
  return () => Promise.reject(new NoReply(`this service has no mail server: ${variable} is not set`));
}

export interface Message {
  /** The delivery's id, the same for every try. */
  id: string;
  type: MessageType;
  kind: ChannelKind;
  settings: Settings;
  told: ToldIncident;
  /** The incident as the API shows it. */
  incident: Json;
}

export type Outcome =
  | { state: "delivered"; answer: string }
  /** The receiver answers that it will not take this message; it may well take the next one. */
  | { state: "refused"; answer: string }
  /** The receiver may take it later, not before `retryAfterSeconds`. */
  | { state: "failed"; answer: string; retryAfterSeconds: number }
  /** The receiver wants no more of this channel (410). */
  | { state: "gone"; answer: string };

/** What a receiver says of the message. Other 4xx speak of the channel, whose settings somebody may mend, or of the time. */
const ofTheMessage: ReadonlySet<number> = new Set([400, 413, 414, 415, 422, 431]);
const longestAnswer = 500;
const longestWaitSeconds = 86_400;

/** Sends a message once, and says whether the receiver took it. Never throws for what the receiver or the network does. */
export async function sendMessage(
  message: Message,
  transports: Transports,
  at: Date,
): Promise<Outcome> {
  const hidden = secretsOf(message.kind, message.settings);
  try {
    if (message.kind === "email") {
      return { state: "delivered", answer: cleaned(await sendMail(message, transports, at), hidden) };
    }
    const reply = await transports.post(postOf(message, httpKinds[message.kind], at));
    return outcomeOf(reply, httpKinds[message.kind], { hidden, at });
  } catch (error) {
    if (!(error instanceof NoReply || error instanceof TargetRefused)) throw error;
    return { state: "failed", answer: cleaned(error.message, hidden), retryAfterSeconds: 0 };
  }
}

async function sendMail(message: Message, { mail }: Transports, at: Date): Promise<string> {
  const { title, text } = wordsOf(message.type, { ...message, at });
  return await mail({
    id: message.id,
    to: message.settings.to ?? "",
    subject: String(title),
    text: String(text),
  });
}

function postOf(message: Message, kind: HttpKind, at: Date): Post {
  const values: Values = {
    ...wordsOf(message.type, { ...message, at, longestText: kind.longestText }),
    ...message.settings,
    ...partsOf(message.settings.url),
  };
  const body = JSON.stringify(render(kind.json, values, kind.escape));
  const given = Object.entries(kind.headers ?? {}).filter(([, text]) => isComplete(text, values));
  const headers = Object.fromEntries(given.map(([name, text]) => [name, renderPlain(text, values, asIs)]));
  const { secret } = message.settings;
  const signed = secret === undefined ? {} : signatureHeaders(secret, { id: message.id, at, body });
  const encode = kind.to.startsWith("{url") ? asIs : encodeURIComponent;
  return {
    url: new URL(renderPlain(kind.to, values, encode)),
    headers: { "content-type": "application/json", "user-agent": "openclaw", ...headers, ...signed },
    body,
  };
}

/** A header whose optional setting is missing is left out. */
function isComplete(text: string, values: Values): boolean {
  return [...text.matchAll(/\{([a-z_]+)\}/g)].every(([, name]) => name !== undefined && name in values);
}

function asIs(value: string): string {
  return value;
}

/** An address without its last segment, and that segment: ntfy's server and topic. */
function partsOf(address: string | undefined): Values {
  if (address === undefined) return {};
  const url = new URL(address);
  const [, path = "", name = ""] = /^(.*\/)([^/]*)\/?$/.exec(url.pathname) ?? [];
  return {
    url_base: `${url.origin}${url.pathname.replace(/\/$/, "")}`,
    url_parent: `${url.origin}${path}`,
    url_name: name,
  };
}

function outcomeOf(
  { status, retryAfter, text }: PostReply,
  { taken }: HttpKind,
  { hidden, at }: { hidden: readonly string[]; at: Date },
): Outcome {
  const answer = cleaned(`${status} ${text}`.trim(), hidden);
  if (isTaken(status, text, taken)) return { state: "delivered", answer };
  if (status === 410) return { state: "gone", answer };
  if (ofTheMessage.has(status)) return { state: "refused", answer };
  return { state: "failed", answer, retryAfterSeconds: secondsOf(retryAfter, at) };
}

/** Some receivers answer 200 with an error in it. */
function isTaken(status: number, text: string, { statuses, json = {}, unless = {} }: Taken): boolean {
  const fits = statuses === "2xx" ? status >= 200 && status < 300 : statuses.includes(status);
  const reply = asJson(text);
  const says = ([name, value]: [string, Json]): boolean => isRecord(reply) && reply[name] === value;
  return fits && Object.entries(json).every(says) && !Object.entries(unless).some(says);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Seconds, or a date (RFC 9110, section 10.2.3); anything else counts as none. */
function secondsOf(retryAfter: string | null, at: Date): number {
  const text = retryAfter?.trim() ?? "";
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - at.getTime()) / 1000;
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(0, Math.ceil(seconds)), longestWaitSeconds);
}

/** What a person reads of a reply: one line, without a secret that it repeats, and not all of a page. */
function cleaned(text: string, hidden: readonly string[]): string {
  const known = hidden.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
  // deno-lint-ignore no-control-regex -- control characters are what is replaced
  const line = redact(known.toWellFormed().replaceAll(/[\u0000-\u0020\u007f-\u009f]+/g, " ").trim());
  return [...line].slice(0, longestAnswer).join("");
}
