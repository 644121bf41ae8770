/** A proxy for https: what it was asked for, and how it answers. */
export interface ConnectProxy {
  url: string;
  /** The first line of each request. */
  asked: string[];
  close: () => void;
}

/** Connects everybody to one port of this host, or refuses with a status. */
export function startConnectProxy(answer: { port: number } | { status: number }): ConnectProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const open = new Set<Deno.Conn>();
  const serve = async (client: Deno.Conn): Promise<void> => {
    open.add(client);
    asked.push(await readHead(client));
    if ("status" in answer) {
      await write(client, `HTTP/1.1 ${answer.status} Whatever\r\ncontent-length: 0\r\n\r\n`);
      return client.close();
    }
    const server = await Deno.connect({ hostname: "127.0.0.1", port: answer.port });
    open.add(server);
    await write(client, "HTTP/1.1 200 Connected\r\n\r\n");
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  };
  const accept = async (): Promise<void> => {
    for await (const client of listener) serve(client).catch(ignoreGone);
  };
  void accept();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    asked,
    close() {
      listener.close();
      for (const connection of open) closeQuietly(connection);
    },
  };
}

async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const length = await connection.read(buffer);
    if (length === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return text.split("\r\n")[0] ?? "";
}

async function write(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    ignoreGone(error);
  }
}

/** The other side went away; what else is thrown is a fault of the test. */
function ignoreGone(error: unknown): void {
  const gone = error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.NotConnected;
  if (!gone) throw error;
}
