import assert from "node:assert/strict";
import { moduleText } from "../../tools/installers.ts";
import { respond } from "../../supabase/functions/_shared/http/endpoint.ts";
import { incomingOf } from "../../supabase/functions/_shared/http/web.ts";
import { installerUrl, makeInstaller, shells } from "../../supabase/functions/_shared/installer/installer.ts";
import { endpoint as createAgent } from "../../supabase/functions/create-agent/handler.ts";
import { endpoint as install } from "../../supabase/functions/install/handler.ts";
import { agentId, ask, operatorKey, secret, testBackend } from "../_support/backend.ts";
import { assertError, record, text } from "../_support/client.ts";

const generated = new URL(
  "../../supabase/functions/_shared/installer/installers.generated.ts",
  import.meta.url,
);
const unfit = [
  "http://fleet.example",
  "http://10.0.0.1:54321",
  "http://kong:8000",
  "http://127.0.0.2.example",
];
const fit = ["https://fleet.example", "http://127.0.0.2:54321", "http://localhost", "http://[::1]:8000"];

Deno.test("the module that the functions serve is made of the installers as they are", async () => {
  assert.ok(
    await Deno.readTextFile(generated) === await moduleText(),
    'the module is stale: "deno task installers" makes it anew',
  );
});

Deno.test("GET /install gives each shell its installer, with the service's address and no secret", async () => {
  for (const shell of [...shells, null]) {
    const request = new Request(`https://fleet.example/install${shell === null ? "" : `?shell=${shell}`}`);
    const backend = await testBackend();
    const where = { subpath: "", socketAddress: "192.0.2.1" };
    const reply = await respond(install, incomingOf(request), backend, where);
    backend.log.flush();
    assert.equal(reply.status, 200);
    assert.equal(reply.headers["content-type"], "text/plain; charset=utf-8");
    assert.equal(reply.headers["cache-control"], "no-store");
    const content = String(reply.body);
    assert.equal(content, makeInstaller(shell ?? "bash", { url: "https://fleet.example" }).content);
    assert.match(content, /['"]https:\/\/fleet\.example['"]\n/);
    assert.doesNotMatch(content, /ocs_[\w-]{20}/);
  }
});

Deno.test("GET /install for a shell that there is not → invalid_request", async () => {
  assertError(await ask(install, await testBackend(), { rest: "?shell=fish" }), "invalid_request", 400);
});

Deno.test("POST /install → method_not_allowed", async () => {
  assertError(await ask(install, await testBackend(), { method: "POST" }), "method_not_allowed", 405);
});

for (const url of unfit) {
  Deno.test(`GET /install of a service called ${url} → internal, and the log names the fix`, async () => {
    const backend = { ...await testBackend(), issuer: `${url}/functions/v1` };
    assertError(await ask(install, backend), "internal", 500);
    assert.match(backend.lines.join(), /set OPENCLAW_PUBLIC_URL to the https address/);
  });

  Deno.test(`POST /create-agent with an installer for ${url} → internal, and no agent is made`, async () => {
    const backend = { ...await testBackend(), issuer: `${url}/functions/v1` };
    const body = JSON.stringify({ name: "edge 1", installer: "bash" });
    const reply = await ask(createAgent, backend, { method: "POST", headers: { apikey: operatorKey }, body });
    assertError(reply, "internal", 500);
    assert.deepEqual(backend.calls, []);
    assert.match(backend.lines.join(), /set OPENCLAW_PUBLIC_URL/);
  });
}

Deno.test("https and loopback addresses are fit for an installer", () => {
  for (const url of fit) assert.equal(installerUrl(`${url}/functions/v1`), url);
});

for (const shell of shells) {
  Deno.test(`POST /create-agent with installer ${shell} → the installer with the agent's id and secret`, async () => {
    const body = JSON.stringify({ name: "edge 1", installer: shell });
    const options = { method: "POST", headers: { apikey: operatorKey }, body };
    const reply = await ask(createAgent, await testBackend(), options);
    assert.equal(reply.status, 201);
    const { filename, content } = record(reply.body.installer);
    assert.equal(reply.body.agent_secret, secret);
    const extension = { bash: "sh", powershell: "ps1", python: "py" }[shell];
    assert.equal(filename, `install-openclaw-${agentId.slice(0, 8)}.${extension}`);
    const lines = text(content).split("\n");
    assert.match(lines.slice(0, 2).join(), /holds the secret of an agent\. Delete it once it has run/);
    for (const value of [secret, agentId, "https://fleet.example"]) {
      assert.equal(lines.filter((line) => new RegExp(`=\\s*['"]${value}['"]$`).test(line)).length, 1, value);
    }
  });
}

Deno.test("POST /create-agent without an installer → none in the reply", async () => {
  const options = { method: "POST", headers: { apikey: operatorKey }, body: '{"name": "edge 1"}' };
  const reply = await ask(createAgent, await testBackend(), options);
  assert.deepEqual(Object.keys(reply.body), ["agent", "agent_secret"]);
});

Deno.test("quotes in what is written into an installer stay inside its literal", () => {
  const url = "https://fleet.example/it's$(id)`id`\u2019\\\"";
  assert.match(
    makeInstaller("bash", { url }).content,
    /\n {2}baked_url='https:\/\/fleet.example\/it'\\''s\$\(id\)/,
  );
  assert.match(
    makeInstaller("powershell", { url }).content,
    /\$BakedUrl = 'https:\/\/fleet.example\/it''s\$/,
  );
  assert.ok(makeInstaller("powershell", { url }).content.includes("\u2019\u2019"));
  assert.match(makeInstaller("python", { url }).content, /\nBAKED_URL = ".*\\u2019\\\\\\""\n/);
});
