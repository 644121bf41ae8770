import assert from "node:assert/strict";
import { openPostgres } from "../../../../cli/serve/store/postgres.ts";
import { StartError } from "../../../../cli/serve/start_error.ts";

/** AuthenticationOk, and ReadyForQuery: a connection is open. */
const welcome = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49);

Deno.test("a Postgres that is gone just after a connection was opened → the caller's error, and the process lives", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      const buffer = new Uint8Array(4096);
      if (await connection.read(buffer) !== null) await connection.write(welcome);
      await connection.read(buffer);
      connection.close();
    }
  })();
  const address = `postgres://anybody@127.0.0.1:${listener.addr.port}/any?sslmode=disable`;
  await assert.rejects(openPostgres(address), StartError);
  listener.close();
  await serving;
});
