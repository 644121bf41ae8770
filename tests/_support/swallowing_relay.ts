/**
 * A relay to a local port. From `swallow()` on, what comes on connections that were opened before is read and goes
 * nowhere, without a word: as behind a NAT that forgot them. New ones work.
 */
export function startSwallowingRelay(
  port: number,
  near = 0,
): Disposable & { port: number; swallow: () => void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: near });
  const open = new Set<Deno.Conn>();
  let generation = 0;
  const pass = async (from: Deno.Conn, to: Deno.Conn, born: number): Promise<void> => {
    const buffer = new Uint8Array(16_384);
    try {
      for (let length = await from.read(buffer); length !== null; length = await from.read(buffer)) {
        if (born === generation) await to.write(buffer.subarray(0, length));
      }
      if (born === generation) await to.closeWrite();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // One of the two went away, which is all that a relay can know.
    }
  };
  const accept = async (): Promise<void> => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      open.add(near).add(far);
      void pass(near, far, generation);
      void pass(far, near, generation);
    }
  };
  void accept();
  return {
    port: listener.addr.port,
    swallow: () => void generation++,
    [Symbol.dispose]() {
      listener.close();
      for (const one of open) one.close();
    },
  };
}
