import type { Reply } from "../../../supabase/functions/_shared/http/messages.ts";
import type { PageReply, StreamedReply } from "../../dashboard/replies.ts";
import { goOn, streamHead, wholeReply } from "./reply.ts";
import { type Fault, WireRequest } from "./request.ts";
import { StreamedBody } from "./stream.ts";

export type Handler = (request: WireRequest, socketAddress: string) => Promise<PageReply>;
/** Makes the reply to a request that HTTP itself refuses, or of which the handler failed. */
export type Refuse = (status: number, description: string, cause?: unknown) => Reply;

export interface Answering {
  handler: Handler;
  refuse: Refuse;
}

/** The connection that a reply goes to. */
export interface Outgoing {
  /** The peer's. */
  address: string;
  /** Resolves once all of it has been taken. */
  write: (piece: string | Uint8Array) => Promise<void>;
  /** Whether it ends with the request under way. */
  isLast: () => boolean;
  /** Lets it end with the request under way, after which there may be more that nobody reads. */
  endAfter: (hasMore: boolean) => void;
  /** Sends a reply that goes on, until its end. */
  stream: (body: StreamedBody) => Promise<void>;
  /** Ends it at once. */
  close: () => void;
}

interface Begun {
  beginning: string | Uint8Array;
  /** What follows it, or null. */
  stream: StreamedReply["stream"] | null;
}

/** Answers one request, or what cannot be read as one. @throws as `write` does */
export async function answer(turn: WireRequest | Fault, to: Outgoing, by: Answering): Promise<void> {
  if (!(turn instanceof WireRequest)) return await to.write(refusal(turn, { request: null, to, by }));
  if (turn.fault !== null) return await to.write(refusal(turn.fault, { request: turn, to, by }));
  if (turn.expectsContinue && !turn.isComplete) await to.write(goOn);
  const { beginning, stream } = await replyTo(turn, to, by);
  await to.write(beginning);
  if (stream !== null && turn.method !== "HEAD") await sendOn(stream, turn, to);
}

async function replyTo(request: WireRequest, to: Outgoing, by: Answering): Promise<Begun> {
  try {
    const reply = await by.handler(request, to.address);
    const isStream = "stream" in reply;
    if (!request.keepsAlive || (isStream && request.isHttp10)) to.endAfter(false);
    const framing = { request, isLast: to.isLast() };
    return isStream
      ? { beginning: streamHead(reply, framing), stream: reply.stream }
      : { beginning: wholeReply(reply, framing), stream: null };
  } catch (error) {
    // A handler makes a reply of each error. One that did not must not end the server.
    const fault = { status: 500, description: "Cannot answer: the service failed", cause: error };
    return { beginning: refusal(fault, { request, to, by }), stream: null };
  }
}

/** The connection's last reply: of what follows, nobody knows where it begins. */
function refusal(
  { status, description, cause }: Fault & { cause?: unknown },
  { request, to, by }: { request: WireRequest | null; to: Outgoing; by: Answering },
): string | Uint8Array {
  to.endAfter(true);
  return wholeReply(by.refuse(status, description, cause), { request, isLast: true });
}

async function sendOn(
  stream: StreamedReply["stream"],
  { isHttp10 }: WireRequest,
  { write, close, ...to }: Outgoing,
): Promise<void> {
  const body = new StreamedBody({ write, abort: close, inChunks: !isHttp10 });
  try {
    stream(body);
    await to.stream(body);
  } finally {
    // The connection may have been closed before it knew of this.
    body.ended();
  }
}
