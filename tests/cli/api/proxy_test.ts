import assert from "node:assert/strict";
import { proxyFor } from "../../../cli/api/proxy.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { startConnectProxy } from "../../_support/connect_proxy.ts";
import { greets, handshakesAndBeats, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, run, start } from "../../_support/program.ts";

const agent = makeAgent();
/** On Windows a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";

// Each of them would be enough for the proxy to be asked; which one counts is told by the cases below.
Deno.test("with every variable for a proxy set, what goes to this host itself goes past it, and it sees nothing", async () => {
  await using folder = await temporaryFolder();
  const home = folder.path;
  using proxy = startFaultServer(() => greets());
  using server = startFaultServer(handshakesAndBeats());
  const greeting = greets();
  assert.ok(typeof greeting === "object");
  const six = Deno.serve(
    { port: 0, hostname: "::1", onListen: () => undefined },
    () => new Response(greeting.body),
  );
  try {
    const { port } = new URL(server.url);
    const urls = [server.url, `http://localhost:${port}`, `http://[::1]:${six.addr.port}`];
    const variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    const proxies = Object.fromEntries(variables.map((variable) => [variable, proxy.url]));
    for (const url of urls) {
      const env = { ...identify(agent, url), ...proxies, NO_PROXY: "elsewhere.example" };
      const { code, stderr } = await run(["handshake"], { home, env });
      assert.equal(code, 0, stderr);
    }
    const env = { ...identify(agent, server.url), ...proxies };
    const { code } = await run(["monitor", "--once", "--probe-url", `${urls[2]}/health`], { home, env });
    assert.equal(code, 0);
    assert.equal(proxy.caught.length, 0);
    assert.match((await run(["doctor"], { home, env })).stdout, /skip {2}proxy .*none is set/);
  } finally {
    await six.shutdown();
  }
});

for (const status of [407, 502]) {
  Deno.test(`a proxy that refuses with ${status} is an outage, and the doctor says where`, async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const proxy = startConnectProxy({ status });
    try {
      const env = { ...identify(makeAgent(), "https://fleet.invalid"), HTTPS_PROXY: proxy.url };
      await using monitor = start(["monitor", "--json"], { home, env });
      assert.match(String((await monitor.until("outage")).message), /the proxy (wants|refused)/);
      monitor.kill("SIGTERM");
      const ended = await monitor.ended;
      if (!windows) assert.equal(ended.code, 0);
      assert.match(proxy.asked[0] ?? "", /^CONNECT fleet\.invalid:443 /);
      const { code, stdout } = await run(["doctor"], { home, env });
      assert.equal(code, 6);
      assert.match(stdout, /pass {2}proxy/);
      assert.match(stdout, /FAIL {2}service +the proxy (wants a user|refused the way).*\n.*hint: /);
    } finally {
      proxy.close();
    }
  });
}

const cases: [string, Record<string, string>, string | null][] = [
  ["https://fleet.example", { HTTPS_PROXY: "http://a.example:1" }, "a.example:1"],
  ["https://fleet.example", { https_proxy: "a.example:1" }, "a.example:1"],
  [
    "https://fleet.example",
    { HTTPS_PROXY: "http://a.example:1", ALL_PROXY: "http://b.example:2" },
    "b.example:2",
  ],
  ["http://fleet.example", { HTTPS_PROXY: "http://a.example:1" }, null],
  ["https://127.0.0.1", { ALL_PROXY: "http://a.example:1" }, null],
  ["https://127.9.9.9", { ALL_PROXY: "http://a.example:1" }, null],
  ["https://localhost", { ALL_PROXY: "http://a.example:1" }, null],
  ["https://[::1]", { ALL_PROXY: "http://a.example:1" }, null],
  ["https://128.0.0.1", { ALL_PROXY: "http://a.example:1" }, "a.example:1"],
  ["https://[::2]", { ALL_PROXY: "http://a.example:1" }, "a.example:1"],
  ["https://10.1.2.3", { ALL_PROXY: "http://a.example:1", NO_PROXY: "10.0.0.0/8" }, null],
  ["https://11.1.2.3", { ALL_PROXY: "http://a.example:1", NO_PROXY: "10.0.0.0/8" }, "a.example:1"],
  ["https://11.1.2.3", { ALL_PROXY: "http://a.example:1", NO_PROXY: "*" }, "a.example:1"],
  ["https://fleet.example", { ALL_PROXY: "http://a.example:1", NO_PROXY: "*" }, null],
  ["https://x.fleet.example", { ALL_PROXY: "http://a.example:1", no_proxy: "*.fleet.example" }, null],
  ["https://xfleet.example", { ALL_PROXY: "http://a.example:1", no_proxy: ".fleet.example" }, "a.example:1"],
];

for (const [url, variables, host] of cases) {
  Deno.test(`${url} with ${JSON.stringify(variables)} goes ${host === null ? "straight" : `through ${host}`}`, () =>
    assert.equal(proxyFor(new URL(url), (name) => variables[name])?.host ?? null, host));
}
