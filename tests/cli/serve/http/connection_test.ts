import assert from "node:assert/strict";
import { Connection } from "../../../../cli/serve/http/connection.ts";
import { usualLimits } from "../../../../cli/serve/listen.ts";
import { refuserOf } from "../../../../supabase/functions/_shared/http/endpoint.ts";

/** A connection of one request, whose reply is taken, or not, when the test says so. */
function connect(path: string) {
  const taken = Promise.withResolvers<void>();
  const written = Promise.withResolvers<Uint8Array>();
  const hasRead = Promise.withResolvers<null>();
  let isFirst = true;
  const wire = {
    read(into: Uint8Array): Promise<number | null> {
      if (!isFirst) return hasRead.promise;
      isFirst = false;
      const { written } = new TextEncoder().encodeInto(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`, into);
      return Promise.resolve(written);
    },
    async write(bytes: Uint8Array): Promise<number> {
      written.resolve(bytes);
      await taken.promise;
      return bytes.length;
    },
    closeWrite: () => Promise.resolve(),
    close: () => hasRead.resolve(null),
  };
  const connection = new Connection({ wire, address: "192.0.2.1" }, {
    limits: usualLimits,
    handler: ({ pathname }) => Promise.resolve({ status: 200, headers: {}, body: pathname }),
    refuse: refuserOf(null),
  });
  const served = connection.serve();
  return {
    /** The bytes themselves that the reply is written from. */
    written: written.promise,
    take: () => taken.resolve(),
    fail: () => taken.reject(new Error("the connection was reset")),
    async end() {
      connection.close();
      await served;
    },
  };
}

const bodyOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes).split("\r\n\r\n")[1] ?? "";

Deno.test("a reply that has not been taken → no other connection's is written over it, nor a request read into it", async () => {
  const held = connect("/held");
  const bytes = await held.written;
  const others = Array.from({ length: 10 }, (_, index) => connect(`/other/${index}`));
  for (const other of others) {
    await other.written;
    other.take();
    await other.end();
    assert.equal(bodyOf(bytes), "/held");
  }
  held.take();
  await held.end();
});

Deno.test("a reply whose connection failed → its bytes are not used again: the system may still have them", async () => {
  const failed = connect("/failed");
  const { buffer } = await failed.written;
  failed.fail();
  await failed.end();
  for (let count = 0; count < 300; count++) {
    const other = connect("/other");
    assert.notEqual((await other.written).buffer, buffer);
    other.take();
    await other.end();
  }
});

Deno.test("a reply that was taken → its bytes are used again", async () => {
  const buffers = new Set<ArrayBufferLike>();
  for (let count = 0; count < 300; count++) {
    const one = connect("/one");
    buffers.add((await one.written).buffer);
    one.take();
    await one.end();
  }
  assert.ok(buffers.size < 10, `${buffers.size} of them were made`);
});
