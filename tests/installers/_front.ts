import { record, text } from "../_support/client.ts";

/** Something between the host and the server. */
export async function withFront(
  answer: (request: Request) => Response | Promise<Response>,
  work: (url: string) => Promise<void>,
  tls: { key: string; cert: string } | null = null,
): Promise<void> {
  const left = new AbortController();
  const options = { port: 0, hostname: "127.0.0.1", signal: left.signal, onListen: () => undefined };
  const server = tls === null ? Deno.serve(options, answer) : Deno.serve({ ...options, ...tls }, answer);
  try {
    const { port } = server.addr;
    await work(tls === null ? `http://127.0.0.1:${port}` : `https://localhost:${port}`);
  } catch (error) {
    // A reply that the failed work holds back would never come.
    left.abort();
    throw error;
  }
  await server.shutdown();
}

/** Passes the request on, and the reply back with its body written anew. */
export async function forward(
  request: Request,
  url: string,
  write: (body: Record<string, unknown>) => string,
): Promise<Response> {
  const body = await request.text();
  const reply = await fetch(url + new URL(request.url).pathname, {
    method: request.method,
    headers: request.headers,
    ...(body === "" ? {} : { body }),
  });
  const { status, headers } = reply;
  const retry = headers.get("retry-after");
  return new Response(write(record(JSON.parse(text(await reply.text())))), {
    status,
    headers: retry === null ? {} : { "retry-after": retry },
  });
}
