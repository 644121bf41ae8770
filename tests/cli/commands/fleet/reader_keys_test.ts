import assert from "node:assert/strict";
import {
  type Fault,
  type FaultServer,
  ours,
  refuses,
  startFaultServer,
} from "../../../_support/fault_server.ts";
import { hasKey, operatorKey, serverTime } from "../../../_support/fake_fleet.ts";
import type { Run } from "../../../_support/program.ts";
import { runInSession } from "../../../_support/program_session.ts";
import { assertRefused } from "../../../_support/refused.ts";
import { temporaryFolder } from "../../../_support/server.ts";
import { readerKey } from "../../../_support/vectors.ts";

const ids = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] as const;

/** Readers' keys of these names, a page each. */
function startServer(names: readonly string[]): FaultServer {
  return startFaultServer(({ method, path, headers, body }): Fault => {
    if (!hasKey({ headers })) return refuses("operator_required");
    if (method === "POST") return ours({ id: ids[0], name: JSON.parse(body).name, key: readerKey }, 201);
    if (method === "DELETE") return ours({ id: ids[0], name: names[0] });
    const at = Number(new URL(path, "http://fleet.example").searchParams.get("cursor") ?? 0);
    const keys = names.slice(at, at + 1).map((name) => ({ id: ids[at], name, created_at: serverTime }));
    return ours({
      reader_keys: keys,
      next_cursor: at + 1 < names.length ? String(at + 1) : null,
      server_time: serverTime,
    });
  });
}

async function readerKeys(url: string, ...args: string[]): Promise<Run> {
  await using home = await temporaryFolder();
  const env = { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey };
  return await runInSession(["reader-keys", ...args], { home: home.path, env });
}

function actsOf({ caught }: FaultServer): string[] {
  return caught.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
}

Deno.test("openclaw reader-keys create prints the key alone on stdout, once", async () => {
  using server = startServer([]);
  const { code, stdout, stderr } = await readerKeys(server.url, "create", "grafana");
  assert.deepEqual([code, stdout], [0, `${readerKey}\n`]);
  assert.match(stderr, /^made the reader's key "grafana" \(0{8}-[^)]+\); it is shown once:\n$/);
  const inJson = await readerKeys(server.url, "create", "grafana", "--json");
  assert.deepEqual(JSON.parse(inJson.stdout), { id: ids[0], name: "grafana", key: readerKey });
});

for (const name of ["", "  ", "a\u001b[2J", "\u202ex", "x".repeat(101)]) {
  Deno.test(`openclaw reader-keys create ${JSON.stringify(name).slice(0, 20)} → usage, and the server is not asked`, async () => {
    using server = startServer([]);
    assertRefused(await readerKeys(server.url, "create", name), 2, /Cannot make a reader's key of this name/);
    assert.equal(server.caught.length, 0);
  });
}

Deno.test("openclaw reader-keys list shows every page, and no key", async () => {
  using server = startServer(["grafana", "\u001b[31m<script>\u202e"]);
  const { code, stdout } = await readerKeys(server.url, "list");
  assert.equal(code, 0);
  assert.match(stdout, /^name +id +made\ngrafana +0{8}-[^\n]+\n\?\[31m<script>\? +0{8}-/);
  assert.ok(!stdout.includes("ocr_"));
  const { reader_keys } = JSON.parse((await readerKeys(server.url, "list", "--json")).stdout);
  assert.equal(reader_keys.length, 2);
});

Deno.test("openclaw reader-keys revoke takes a name or an id, and --yes where nobody can be asked", async () => {
  using server = startServer(["grafana"]);
  assertRefused(await readerKeys(server.url, "revoke", "grafana"), 2, /nobody can be asked/);
  assert.deepEqual(actsOf(server), []);
  for (const given of ["grafana", ids[0].toUpperCase()]) {
    const { code, stderr } = await readerKeys(server.url, "revoke", given, "--yes");
    assert.deepEqual([code, stderr], [0, `revoked the reader's key "grafana" (${ids[0]})\n`]);
  }
  assert.deepEqual(actsOf(server), Array(2).fill(`DELETE /functions/v1/reader-keys/${ids[0]}`));
});

Deno.test("openclaw reader-keys revoke of no key, or of a name that two have → 4 or 5, and nothing is revoked", async () => {
  using server = startServer(["grafana", "grafana"]);
  assertRefused(await readerKeys(server.url, "revoke", "other", "--yes"), 4, /none has this name or id/);
  assertRefused(await readerKeys(server.url, "revoke", "grafana", "--yes"), 5, /2 have this name/);
  assert.deepEqual(actsOf(server), []);
});
