import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { send } from "../_support/client.ts";
import { startServerProcess, withFolderInMemory } from "../_support/server.ts";
import { until } from "../_support/wait.ts";

Deno.test({
  name:
    "more silent connections than the process may open files → it answers beside them, and when they are gone",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withFolderInMemory(async (data) => {
      const server = await startServerProcess({ data, files: 512 });
      try {
        const { port } = new URL(server.url);
        const sockets = await Promise.all(Array.from({ length: 700 }, () => open(Number(port))));
        // It holds as many as it may, and gives up the oldest that is silent for a new one.
        await until("an answer beside them", () => isHealthy(server.base));
        for (const socket of sockets) socket.destroy();
        await until("an answer", () => isHealthy(server.base));
      } finally {
        assert.equal(await server.stop(), 0);
      }
    });
  },
});

async function isHealthy(base: string): Promise<boolean> {
  try {
    return (await send(`${base}/health`)).status === 200;
  } catch (error) {
    // Turned away, as one connection too many.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

async function open(port: number): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const socket = connect(port, "127.0.0.1", () => resolve(socket));
  // Turned away, as most of them are.
  socket.on("error", () => resolve(socket));
  return await promise;
}
