/** One reply as it came over the wire. */
export interface RawReply {
  status: number;
  headers: Headers;
  body: string;
}

/** A connection that sends bytes as they are, and takes what comes only once it is asked to. */
export interface RawConnection extends Disposable {
  send: (bytes: string) => void;
  /** Takes what comes until its end fits the pattern, and resolves with all of it; fails when the connection ends. */
  until: (pattern: RegExp) => Promise<string>;
  /** Takes what comes until the other side ends the connection, and resolves with all of it. */
  ended: () => Promise<string>;
}

/** Over a connection of this process's own: a `node:net` socket takes more than it is asked to. */
export function rawConnection(connection: Deno.Conn): RawConnection {
  const parts: string[] = [];
  let sending: Promise<void> = Promise.resolve();

  /** Whether there was more. A connection that was reset has ended, too. */
  async function take(): Promise<boolean> {
    const bytes = new Uint8Array(65_536);
    const length = await connection.read(bytes).catch(nullIfEnded);
    parts.push(new TextDecoder("latin1").decode(bytes.subarray(0, length ?? 0)));
    return length !== null;
  }

  async function write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length;) {
      const length = await connection.write(bytes.subarray(start)).catch(nullIfEnded);
      if (length === null) return;
      start += length;
    }
  }

  return {
    send(text) {
      const bytes = new TextEncoder().encode(text);
      sending = sending.then(() => write(bytes));
    },
    async until(pattern) {
      const end = (): string => parts.slice(-2).join("").slice(-1000);
      while (!pattern.test(end())) {
        if (!await take()) throw new Error(`The connection ended before ${pattern}: ${end()}`);
      }
      return parts.join("");
    },
    async ended() {
      while (await take());
      return parts.join("");
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

function nullIfEnded(error: unknown): null {
  const isEnd = error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.UnexpectedEof;
  if (isEnd) return null;
  throw error;
}

/** The only reply in what came over the wire. */
export function parseReply(text: string): RawReply {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = lines.map((header): [string, string] => {
    const colon = header.indexOf(":");
    return [header.slice(0, colon), header.slice(colon + 1)];
  });
  return { status: Number(line.split(" ")[1]), headers: new Headers(headers), body: rest.join("\r\n\r\n") };
}
