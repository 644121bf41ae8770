import { cutOff, notArrived } from "../../../supabase/functions/_shared/http/body.ts";
import type { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { answer, type Answering, type Outgoing } from "./answer.ts";
import { encode, giveBack, takeBuffer, usualBytes } from "./buffers.ts";
import { maxChunkBytes, RequestParser } from "./parser.ts";
import { type ConnectionLimits, type Phase, PhaseClock } from "./phases.ts";
import { type Fault, lateHead, parseFaults, WireRequest } from "./request.ts";
import type { StreamedBody } from "./stream.ts";
import type { Wire } from "./wire.ts";

export interface Serving extends Answering {
  limits: ConnectionLimits;
}

/** What is given to the system at once: a reader that takes this much within the limit is not given up. */
const pieceBytes = 16_384;

/**
 * One connection. Begins one of its requests at a time: the next one after the last byte of the reply went out. It is
 * not read while a request waits, so that it holds what came in one read at most; one on which too many wait, or of
 * which a phase takes too long, is closed.
 */
export class Connection {
  /** Resolves when it has been closed. */
  readonly closed: Promise<void>;
  readonly #wire: Wire;
  readonly #outgoing: Outgoing;
  readonly #serving: Serving;
  readonly #parser: RequestParser;
  readonly #onClosed: () => void;
  /** The request under way, and those that wait behind it; a fault is what cannot be read as one. */
  readonly #turns: (WireRequest | Fault)[] = [];
  /** The request of which the body is still to come. */
  #arriving: WireRequest | null = null;
  #isInHead = true;
  #isWriting = false;
  /** Whether it ends with what has come. */
  #isLast = false;
  /** Whether the peer may still send what nobody reads. */
  #hasMore = false;
  #hasEnded = false;
  #isClosed = false;
  #stream: StreamedBody | null = null;
  #mayRead: (() => void) | null = null;
  readonly #clock = new PhaseClock();

  constructor({ wire, address }: { wire: Wire; address: string }, serving: Serving) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#onClosed = resolve;
    this.#wire = wire;
    this.#serving = serving;
    this.#outgoing = {
      address,
      write: (piece) => this.#write(piece),
      isLast: () => this.#isLast && this.#turns.length === 1,
      endAfter: (hasMore) => {
        this.#hasMore ||= hasMore;
        this.#takeNoMore();
      },
      stream: (body) => this.#sendOn(body),
      close: () => this.close(),
    };
    this.#parser = new RequestParser({
      onBegin: () => this.#isInHead = true,
      onHead: (head) => this.#arrive(new WireRequest(head)),
      onBody: (bytes, ascii) => this.#arriving?.take(bytes, ascii),
      onEnd: () => this.#completeArriving(),
    });
  }

  /** Answers its requests until it is closed. */
  async serve(): Promise<void> {
    try {
      await this.#readAll();
    } catch (error) {
      // Whatever ended it, its peer or a limit, there is nobody to tell.
      this.#giveUpArriving(cutOff(error));
      this.close();
    }
  }

  /** Answers the request under way, if there is one, and ends. */
  finish(): void {
    this.#takeNoMore();
    if (this.#turns.length === 0) this.close();
  }

  /** Ends it at once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wire.close();
    this.#parser.free();
    this.#arriving?.fail(cutOff("the connection was closed"));
    this.#stream?.ended();
    this.#mayRead?.();
    this.#onClosed();
  }

  /** Gives up what has been under way for too long. */
  sweep(sweepMs: number): void {
    const phase = this.phase;
    if (!this.#clock.isOver(phase, { sweepMs, limits: this.#serving.limits })) return;
    if (phase === "body") this.#giveUpArriving(notArrived());
    else if (phase === "header") {
      this.#refuse(lateHead);
      this.#begin();
    } else this.close();
  }

  /** What it is waited for. */
  get phase(): Phase {
    if (this.#isWriting) return "reply";
    if (this.#turns.length > 0) return this.#turns[0] === this.#arriving ? "body" : "handler";
    if (this.#isLast) return "end";
    if (this.#arriving !== null) return "rest of a body";
    return this.#isInHead ? "header" : "idle";
  }

  async #readAll(): Promise<void> {
    let buffer = takeBuffer();
    try {
      while (true) {
        const length = await this.#wire.read(buffer);
        if (this.#isClosed) return;
        if (length === null) return this.#endOfRequests();
        this.#take(buffer.subarray(0, length));
        buffer = nextBuffer(buffer, length);
        while (this.#turns.length > 1 && !this.#isClosed) {
          await new Promise<void>((resolve) => this.#mayRead = resolve);
        }
      }
    } finally {
      // A read that failed, as it does when the connection is closed, is over.
      giveBack(buffer);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#isLast && this.#arriving === null) {
      this.#hasMore = true;
      return;
    }
    const isBusy = this.#turns.length > 0;
    const fault = this.#parser.read(bytes);
    if (fault !== null && (!this.#isLast || this.#arriving !== null)) this.#refuse(parseFaults[fault]);
    if (!isBusy) this.#begin();
    if (this.#turns.length > this.#serving.limits.waiting + 1) this.close();
  }

  #arrive(request: WireRequest): void {
    this.#isInHead = false;
    // What follows the last request of a connection is not looked at.
    if (this.#isLast) return;
    this.#arriving = request;
    this.#turns.push(request);
  }

  #completeArriving(): void {
    if (this.#arriving === null) return;
    if (!this.#arriving.keepsAlive) this.#isLast = true;
    this.#arriving.complete();
    this.#arriving = null;
  }

  /** What follows is not a request, and nobody knows where the next one would begin. */
  #refuse(fault: Fault): void {
    if (this.#arriving !== null) return this.#giveUpArriving(cutOff(fault.description));
    this.#isLast = true;
    this.#hasMore = true;
    this.#turns.push(fault);
  }

  #giveUpArriving(failure: ContractError): void {
    this.#isLast = true;
    this.#hasMore = true;
    this.#arriving?.fail(failure);
    this.#arriving = null;
  }

  /** The peer sends no more. It may still read. */
  #endOfRequests(): void {
    this.#giveUpArriving(cutOff("the connection was closed"));
    this.#hasEnded = true;
    if (this.#turns.length === 0 || this.#stream !== null) this.close();
  }

  /** Leaves out what came after the request under way. */
  #takeNoMore(): void {
    this.#isLast = true;
    this.#turns.splice(1);
    if (this.#arriving !== this.#turns[0]) this.#arriving = null;
  }

  #begin(): void {
    const [turn] = this.#turns;
    if (turn === undefined) return;
    this.#clock.restart();
    this.#mayRead?.();
    answer(turn, this.#outgoing, this.#serving).then(() => this.#end(), () => this.close());
  }

  #end(): void {
    this.#turns.shift();
    this.#clock.restart();
    if (this.#isClosed) return;
    if (this.#turns.length > 0) this.#begin();
    else if (this.#isLast) void this.#endReplies().catch(() => this.close());
  }

  /** Else the system would tell a peer that still sends of an error, and it might not read the last reply. */
  async #endReplies(): Promise<void> {
    const hasMore = (this.#hasMore || this.#arriving !== null) && !this.#hasEnded;
    if (hasMore || this.#wire.isTls) await this.#wire.closeWrite();
    if (!hasMore) this.close();
  }

  async #sendOn(body: StreamedBody): Promise<void> {
    this.#stream = body;
    // Nobody tells when a peer that sends no more has stopped reading, too.
    if (this.#hasEnded) this.close();
    await body.send();
    this.#stream = null;
  }

  /** In pieces, so that a sweep sees whether one was taken since the last one. */
  async #write(given: string | Uint8Array): Promise<void> {
    const bytes = typeof given === "string" ? encode(given) : given;
    this.#isWriting = true;
    for (let start = 0; start < bytes.length;) {
      this.#clock.restart();
      const piece = bytes.length <= pieceBytes ? bytes : bytes.subarray(start, start + pieceBytes);
      start += await this.#wire.write(start === 0 || piece !== bytes ? piece : piece.subarray(start));
    }
    this.#isWriting = false;
    // Not where it failed: the system may still have it.
    if (typeof given === "string") giveBack(bytes);
  }
}

/** A large one, after a read that filled the last one. */
function nextBuffer(last: Uint8Array, length: number): Uint8Array {
  const size = length === last.length ? maxChunkBytes : usualBytes;
  if (last.length === size) return last;
  giveBack(last);
  return size === usualBytes ? takeBuffer() : new Uint8Array(size);
}
