import assert from "node:assert/strict";
import { beat } from "../../../cli/api/agent.ts";
import { Pool } from "../../../cli/api/pool.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { accepts } from "../../_support/fault_server.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { startSwallowingRelay } from "../../_support/swallowing_relay.ts";
import { testWith } from "../../_support/tools.ts";

const report = { status: "healthy", metrics: {}, seq: 1, instanceId: "i" } as const;

/** A server of ours behind a relay, over TLS, which agrees on HTTP/2, or without, which is HTTP/1.1. */
async function startBehindRelay(protocol: "HTTP/2" | "HTTP/1.1") {
  const folder = await temporaryFolder();
  const tls = protocol === "HTTP/2" ? await makeCertificate(folder.path) : null;
  const fault = accepts();
  assert.ok(typeof fault === "object");
  const reply = () => new Response(fault.body, { headers: { "content-type": "application/json" } });
  const address = { port: 0, hostname: "127.0.0.1", onListen: () => undefined };
  const server = tls === null
    ? Deno.serve(address, reply)
    : Deno.serve({ ...address, cert: tls.cert, key: tls.key }, reply);
  const relay = startSwallowingRelay(server.addr.port);
  const pool = new Pool(tls === null ? [] : [await Deno.readTextFile(tls.authority)]);
  const url = tls === null ? `http://127.0.0.1:${relay.port}` : `https://localhost:${relay.port}`;
  return {
    send: (timeoutMs = 15_000) => beat({ url, pool }, "a.b.c", { report, timeoutMs }),
    pool,
    relay,
    async [Symbol.asyncDispose]() {
      pool.renew();
      relay[Symbol.dispose]();
      await server.shutdown();
      await folder[Symbol.asyncDispose]();
    },
  };
}

for (const protocol of ["HTTP/2", "HTTP/1.1"] as const) {
  testWith(
    ["openssl"],
    `a connection over ${protocol} that dies without a word costs one request`,
    async () => {
      await using behind = await startBehindRelay(protocol);
      assert.equal((await behind.send()).kind, "ok");
      behind.relay.swallow();
      assert.equal((await behind.send(300)).kind, "outage");
      assert.equal((await behind.send()).kind, "ok");
    },
  );

  testWith(["openssl"], `a connection over ${protocol} that was given up is not asked again`, async () => {
    await using behind = await startBehindRelay(protocol);
    assert.equal((await behind.send()).kind, "ok");
    behind.relay.swallow();
    behind.pool.renew();
    assert.equal((await behind.send()).kind, "ok");
  });
}
