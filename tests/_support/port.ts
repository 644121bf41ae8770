/**
 * An address at which nothing listens. Its port is below those that systems hand out by themselves, so that no other
 * test is given it meanwhile, and none that `fetch` refuses to ask.
 */
export function closedPort(): string {
  while (true) {
    const port = 20_000 + Math.floor(10_000 * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return `http://127.0.0.1:${port}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
