/** An HTTP server on a free loopback port, for as long as its block lasts. */
export interface LoopbackServer extends AsyncDisposable {
  url: URL;
  /** How many requests there were. */
  requests: number;
}

type Answer = (request: Request) => Response | Promise<Response>;

export async function serveLoopback(answer: Answer): Promise<LoopbackServer> {
  const listening = Promise.withResolvers<number>();
  const options = {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }: { port: number }) => listening.resolve(port),
  };
  const server = Deno.serve(options, (request) => {
    loopback.requests++;
    return answer(request);
  });
  const loopback: LoopbackServer = {
    url: new URL(`http://127.0.0.1:${await listening.promise}/`),
    requests: 0,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return loopback;
}
