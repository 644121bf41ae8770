import type { ContractError } from "../../../supabase/functions/_shared/http/errors.ts";
import { decodeBody, joined, maxBodyBytes, tooLarge } from "../../../supabase/functions/_shared/http/body.ts";
import type { Incoming } from "../../../supabase/functions/_shared/http/messages.ts";
import type { Head, ParseFault } from "./parser.ts";

/** What is wrong with a request as HTTP. */
export interface Fault {
  status: number;
  description: string;
}

/** A request that cannot be read to the end of its head. */
export const parseFaults: Readonly<Record<ParseFault, Fault>> = {
  "too large": {
    status: 431,
    description: "Cannot read the request: its headers are larger than 16 KiB",
  },
  malformed: badRequest("it is not HTTP/1.1"),
};
export const lateHead: Fault = {
  status: 408,
  description: "Cannot read the request: it did not arrive in time",
};

const encoder = new TextEncoder();
/** Nothing, or a host as in a URL, with or without a port. */
const host = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{1,5})?$/i;
/** A path that a URL would keep as it is. */
const plainPath = /^(\/[\w-]+)+$/;

/** A request as it came over the wire. */
export class WireRequest implements Incoming {
  readonly method: string;
  readonly headers: Incoming["headers"];
  readonly pathname: string;
  /** Why it cannot be answered by a handler, or null. */
  readonly fault: Fault | null;
  readonly isHttp10: boolean;
  /** Whether another request may follow it. */
  readonly keepsAlive: boolean;
  /** Whether its sender waits to be told to go on. */
  readonly expectsContinue: boolean;
  readonly #search: string;
  /** The body's: the first one as text, where that is ASCII. */
  #pieces: (string | Uint8Array)[] = [];
  #length = 0;
  #isComplete = false;
  #failure: ContractError | null = null;
  #settle: (() => void) | null = null;

  constructor({ method, target, headers, isHttp10, keepsAlive }: Head) {
    const lines = new HeaderLines(headers);
    const parsed = parseTarget(target, lines.get("host"));
    this.method = method;
    this.headers = lines;
    this.isHttp10 = isHttp10;
    this.keepsAlive = keepsAlive;
    // HTTP/1.0 does not know of it.
    this.expectsContinue = !isHttp10 && lines.get("expect") !== null;
    this.pathname = parsed?.pathname ?? "";
    this.#search = parsed?.search ?? "";
    this.fault = faultOf(lines, isHttp10) ??
      (parsed === null ? badRequest("its Host or path is malformed") : null);
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#search);
  }

  /** Whether all of its body has come. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  async text(): Promise<string> {
    if (Number(this.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge();
    while (!this.#isComplete && this.#failure === null) {
      await new Promise<void>((resolve) => this.#settle = resolve);
    }
    if (this.#failure !== null) throw this.#failure;
    return textOf(this.#pieces);
  }

  /**
   * A part of the body has come.
   *
   * @param bytes will be read into again
   * @param ascii the same as text, or null when not all of what was read with it is ASCII
   */
  take(bytes: Uint8Array, ascii: string | null): void {
    if (this.#failure !== null) return;
    this.#length += bytes.length;
    if (this.#length > maxBodyBytes) this.fail(tooLarge());
    // A text keeps the whole one that it is a part of, and only the first part is sure to be most of it.
    else this.#pieces.push(this.#pieces.length === 0 && ascii !== null ? ascii : bytes.slice());
  }

  complete(): void {
    this.#isComplete = true;
    this.#settle?.();
  }

  /** The handler gets no body. */
  fail(failure: ContractError): void {
    this.#failure ??= failure;
    this.#pieces = [];
    this.#settle?.();
  }
}

/** Headers as `Headers` has them: one that comes several times is one text. */
class HeaderLines {
  readonly #lines: readonly string[];

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** @param name in lower case */
  get(name: string): string | null {
    let found: string | null = null;
    for (let index = 0; index < this.#lines.length; index += 2) {
      if (!this.#is(index, name)) continue;
      const value = this.#lines[index + 1] ?? "";
      found = found === null ? value : `${found}${name === "cookie" ? "; " : ", "}${value}`;
    }
    return found;
  }

  count(name: string): number {
    let count = 0;
    for (let index = 0; index < this.#lines.length; index += 2) if (this.#is(index, name)) count += 1;
    return count;
  }

  #is(index: number, name: string): boolean {
    const found = this.#lines[index];
    return found?.length === name.length && (found === name || found.toLowerCase() === name);
  }
}

/** What llhttp takes all the same. */
function faultOf(headers: HeaderLines, isHttp10: boolean): Fault | null {
  const hosts = headers.count("host");
  if (hosts > 1 || (hosts === 0 && !isHttp10)) {
    return badRequest(`it has ${hosts} Host headers, expected one`);
  }
  if (isHttp10 && headers.get("transfer-encoding") !== null) {
    return badRequest("HTTP/1.0 has no Transfer-Encoding, expected a Content-Length");
  }
  const expected = headers.get("expect");
  if (expected !== null && expected.toLowerCase() !== "100-continue") {
    return {
      status: 417,
      description: "Cannot read the request: the only Expect that is known is 100-continue",
    };
  }
  return null;
}

/** A text needs no decoder, and nearly every body is one text. */
function textOf(pieces: readonly (string | Uint8Array)[]): string {
  const [first = ""] = pieces;
  if (pieces.length < 2 && typeof first === "string") return first;
  const chunks = pieces.map((piece) => typeof piece === "string" ? encoder.encode(piece) : piece);
  return decodeBody(joined(chunks, chunks.reduce((sum, { length }) => sum + length, 0)));
}

function badRequest(what: string): Fault {
  return { status: 400, description: `Cannot read the request: ${what}` };
}

/** The path and query of a request, as a URL reads them; null when they, or the host, are malformed. */
function parseTarget(target: string, given: string | null): { pathname: string; search: string } | null {
  if (given !== null && !host.test(given)) return null;
  if (plainPath.test(target)) return { pathname: target, search: "" };
  return URL.parse(target.startsWith("/") ? `http://localhost${target}` : target);
}
