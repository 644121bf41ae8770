import assert from "node:assert/strict";
import { answer } from "../../../../cli/serve/http/answer.ts";
import { WireRequest } from "../../../../cli/serve/http/request.ts";

Deno.test("a reply that goes on, on a connection that has just been closed → its sender hears of the end", async () => {
  const head = {
    method: "GET",
    target: "/page/events",
    headers: ["host", "a.example"],
    isHttp10: false,
    keepsAlive: true,
  };
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
