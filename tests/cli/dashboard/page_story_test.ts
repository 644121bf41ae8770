import assert from "node:assert/strict";
import { FleetClient, record, text } from "../../_support/client.ts";
import { type ServerHere, startServerHere } from "../../_support/server_here.ts";
import { withFolder } from "../../_support/server.ts";

async function logIn({ url }: ServerHere, key: string): Promise<string> {
  const body = new URLSearchParams({ key });
  const headers = { origin: url };
  const reply = await fetch(`${url}/page/login`, { method: "POST", redirect: "manual", headers, body });
  await reply.body?.cancel();
  assert.equal(reply.status, 303);
  return reply.headers.get("set-cookie")?.split(";")[0] ?? "";
}

/** The events of a stream, one after the other. */
async function* eventsOf(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ event: string; data: Record<string, unknown> }> {
  let rest = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, event = "", data = "{}"] = /event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      yield { event, data: record(JSON.parse(data)) };
    }
  }
}

/** Reads until an event fits. */
async function awaitEvent(
  events: AsyncGenerator<{ event: string; data: Record<string, unknown> }>,
  fits: (event: string, data: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  while (true) {
    const { done, value } = await events.next();
    assert.ok(done !== true, "the stream ended");
    if (fits(value.event, value.data)) return value.data;
  }
}

Deno.test({
  name:
    "a browser sees the page, its stream shows a beat, and the server's stop ends it; anybody else gets a line of text",
  fn: () =>
    withFolder(async (data) => {
      const server = await startServerHere({ data });
      const line = await fetch(`${server.url}/`);
      assert.match(await line.text(), /^openclaw [\d.]+: a server that agents send heartbeats to\./);
      const browser = { accept: "text/html" };
      const login = await fetch(`${server.url}/`, { headers: browser });
      assert.match(login.headers.get("content-type") ?? "", /^text\/html/);
      assert.match(await login.text(), /action="\/page\/login"/);
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent({ name: "edge 1" });

      const cookie = await logIn(server, server.operatorKey);
      const page = await fetch(`${server.url}/`, { headers: { ...browser, cookie } });
      assert.match(await page.text(), /edge 1/);
      const map = await fetch(`${server.url}/page/api/agents/map`, { headers: { cookie } });
      assert.equal(record(await map.json()).cells, "6");

      const stream = await fetch(`${server.url}/page/stream`, { headers: { cookie } });
      assert.deepEqual([stream.status, stream.headers.get("content-type")], [200, "text/event-stream"]);
      assert.ok(stream.body !== null);
      const events = eventsOf(stream.body);
      assert.equal((await awaitEvent(events, (event) => event === "map")).cells, "6");
      const token = await client.session(agent);
      await client.beat(token, { status: "unhealthy" });
      const { cells } = await awaitEvent(events, (event) => event === "changes");
      assert.deepEqual(cells, [[0, "2"]]);

      const reader = await logIn(server, (await Deno.readTextFile(`${data}/reader-key`)).trim());
      const refused = await fetch(`${server.url}/page/api/agents/${agent.id}/revoke`, {
        method: "POST",
        headers: { cookie: reader, origin: server.url },
      });
      assert.equal(record(await refused.json()).error, "forbidden");
      const nobody = await fetch(`${server.url}/page/stream`);
      assert.equal(text(record(await nobody.json()).error), "operator_required");

      await server[Symbol.asyncDispose]();
      while (!(await events.next()).done);
    }),
});
