const body = '{"ok":true,"version":"0.1.0","database":"ok"}';
const plain = new TextEncoder().encode(body);
const packed = new Uint8Array(
  await new Response(new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
);
const marked = new TextEncoder().encode(`\uFEFF${body}`);

interface Reply {
  before?: string;
  headers?: string;
  body: Uint8Array<ArrayBuffer>;
}

/** Replies that HTTP allows, and that not every reader is ready for. Each is ours, and is to be read as such. */
const oddReplies: Record<string, Reply> = {
  "plain": { body: plain },
  "a BOM before it": { body: marked },
  "gzip that nobody asked for": { headers: "Content-Encoding: gzip\r\n", body: packed },
  "gzip in capitals": { headers: "content-encoding: GZIP\r\n", body: packed },
  "100 before it": { before: "HTTP/1.1 100 Continue\r\n\r\n", body: plain },
  "102 before it": { before: "HTTP/1.1 102 Processing\r\n\r\n", body: plain },
  "103 before it": { before: "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n", body: plain },
  "103 twice before it": {
    before: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(2),
    body: plain,
  },
};

export const oddReplyNames = Object.keys(oddReplies);

/** A server that answers `/<number of the reply>/functions/v1/health` with that reply. */
export function startOddServer(): Disposable & { urlOf: (name: string) => string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answer = async (connection: Deno.Conn): Promise<void> => {
    const buffer = new Uint8Array(16_384);
    const length = await connection.read(buffer);
    // Somebody only tried whether anybody is here.
    if (length === null) return connection.close();
    const asked = /^GET \/(\d+)\//.exec(new TextDecoder().decode(buffer.subarray(0, length)));
    const { before = "", headers = "", body } = oddReplies[oddReplyNames[Number(asked?.[1])] ?? ""] ??
      { body: plain };
    const head =
      `${before}HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
    await new Blob([head, body]).stream().pipeTo(connection.writable);
  };
  void (async () => {
    for await (const connection of listener) void answer(connection);
  })();
  return {
    urlOf: (name) => `http://127.0.0.1:${listener.addr.port}/${oddReplyNames.indexOf(name)}`,
    [Symbol.dispose]: () => listener.close(),
  };
}
