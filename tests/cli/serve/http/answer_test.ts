import assert from "node:assert/strict";
import { answer } from "../../../../cli/serve/http/answer.ts";
import { WireRequest } from "../../../../cli/serve/http/request.ts";
import { refuserOf } from "../../../../supabase/functions/_shared/http/endpoint.ts";
import { Log } from "../../../../supabase/functions/_shared/log.ts";

const head = {
  method: "GET",
  target: "/page/events",
  headers: ["host", "a.example"],
  isHttp10: false,
  keepsAlive: true,
};

Deno.test("a reply that goes on, on a connection that has just been closed → its sender hears of the end", async () => {
  const closed = new Error("the connection was closed");
  let ends = 0;
  const answering = answer(
    new WireRequest(head),
    {
      address: "192.0.2.1",
      write: () => Promise.resolve(),
      isLast: () => false,
      endAfter: () => undefined,
      stream: () => Promise.reject(closed),
      close: () => undefined,
    },
    {
      handler: () =>
        Promise.resolve({
          status: 200,
          headers: {},
          stream: (sink) => sink.onceEnded(() => ends += 1),
        }),
      refuse: () => assert.fail("it is not refused"),
    },
  );
  await assert.rejects(answering, closed);
  assert.equal(ends, 1);
});

Deno.test("a handler that fails → 500 internal, the connection ends, and the log has the cause under the request id", async () => {
  const lines: string[] = [];
  const written: string[] = [];
  let hasEnded = false;
  await answer(
    new WireRequest(head),
    {
      address: "192.0.2.1",
      write: (piece) => Promise.resolve(void written.push(String(piece))),
      isLast: () => false,
      endAfter: () => hasEnded = true,
      stream: () => assert.fail("it does not go on"),
      close: () => undefined,
    },
    {
      handler: () => Promise.reject(new RangeError("a fault of ours")),
      refuse: refuserOf(new Log((line) => lines.push(line))),
    },
  );
  const reply = written.join("");
  assert.match(reply, /^HTTP\/1\.1 500 /);
  assert.ok(!reply.includes("a fault of ours"));
  const id = /"request_id":"([^"]+)"/.exec(reply)?.[1] ?? assert.fail(reply);
  assert.ok(hasEnded);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", new RegExp(`"error".*"internal".*${id}.*a fault of ours`));
});
