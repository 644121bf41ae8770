/** An address at which nothing listens. */
export function closedPort(): string {
  return `http://127.0.0.1:${freePort()}`;
}

/**
 * A port of loopback on which nothing listens. It is below those that systems hand out by themselves, so that no other
 * test is given it meanwhile, also while a server that has it is stopped; and none that `fetch` refuses to ask.
 */
export function freePort(): number {
  while (true) {
    const port = 20_000 + Math.floor(10_000 * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
