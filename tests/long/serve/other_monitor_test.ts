import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../../_support/client.ts";
import { startServerProcess, temporaryFolder } from "../../_support/server.ts";
import { until } from "../../_support/wait.ts";

Deno.test("a minute after its start, the server beats at another monitor, whose address a file has", async () => {
  const received: string[] = [];
  await using monitor = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    async (request) => {
      received.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
      return new Response("OK");
    },
  );
  await using folder = await temporaryFolder();
  const file = join(folder.path, "address");
  await Deno.writeTextFile(file, `http://127.0.0.1:${monitor.addr.port}/ping/secret\n`, { mode: 0o600 });
  await using server = await startServerProcess({
    data: join(folder.path, "data"),
    env: { OPENCLAW_HEARTBEAT_URL_FILE: file },
  });
  await new FleetClient(server.base, server.operatorKey).createAgent();
  await until("a beat", () => Promise.resolve(received.length > 0), { timeoutMs: 120_000 });
  assert.match(received[0] ?? "", /^POST \/ping\/secret \{"version":"[^"]+","agents":\{"pending":1\}\}$/);
  assert.ok(!`${server.output.stdout}${server.output.stderr}`.includes("ping/secret"));
});
