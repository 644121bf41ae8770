import assert from "node:assert/strict";
import { proxyFor } from "../../../cli/api/proxy.ts";
import { record, text } from "../../_support/client.ts";
import { startServerProcess, withFolder } from "../../_support/server.ts";
import { makeCertificate } from "../../_support/certificate.ts";
import { startConnectProxy } from "../../_support/connect_proxy.ts";
import { accepts, greets, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, run, start } from "../../_support/program.ts";

const agent = makeAgent();
/** There a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";

for (const variable of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
  Deno.test(`with ${variable} set, what goes to this host itself goes past the proxy, which sees nothing`, () =>
    withFolder(async (home) => {
      const proxy = startFaultServer(() => greets());
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
      const six = Deno.serve({ port: 0, hostname: "::1", onListen: () => undefined }, () => {
        const fault = greets();
        return new Response(typeof fault === "object" ? fault.body : "");
      });
      try {
        const { port } = new URL(server.url);
        const urls = [server.url, `http://localhost:${port}`, `http://[::1]:${six.addr.port}`];
        for (const url of urls) {
          const env = { ...identify(agent, url), [variable]: proxy.url, NO_PROXY: "elsewhere.example" };
          const { code, stderr } = await run(["handshake"], { home, env });
          assert.equal(code, 0, stderr);
        }
        const env = { ...identify(agent, server.url), [variable]: proxy.url };
        const { code } = await run(["monitor", "--once", "--probe-url", `${urls[2]}/health`], { home, env });
        assert.equal(code, 0);
        assert.equal(proxy.caught.length, 0);
        assert.match((await run(["doctor"], { home, env })).stdout, /skip {2}proxy .*none is set/);
      } finally {
        proxy.close();
        server.close();
        await six.shutdown();
      }
    }));
}

Deno.test("a monitor reaches the real server over TLS through a proxy, with an authority of its own", () =>
  withFolder(async (folder) => {
    const { paths, authority } = await makeCertificate(folder);
    const args = ["--tls-cert", paths.cert, "--tls-key", paths.key];
    const server = await startServerProcess({ data: `${folder}/data`, args });
    const { port } = new URL(server.url);
    const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(authority)] });
    const proxy = startConnectProxy({ port: Number(port) });
    try {
      const reply = await fetch(`https://localhost:${port}/functions/v1/create-agent`, {
        client,
        method: "POST",
        headers: { apikey: server.operatorKey },
        body: JSON.stringify({ name: "behind a proxy" }),
      });
      const created = record(await reply.json());
      const identity = { id: text(record(created.agent).id), secret: text(created.agent_secret) };
      // Nobody has this name but the proxy.
      const env = { ...identify(identity, `https://fleet.invalid:${port}`), HTTPS_PROXY: proxy.url };
      await withFolder(async (home) => {
        const monitor = start(["monitor", "--json", "--ca-file", authority], { home, env });
        await monitor.until("heartbeat");
        monitor.kill("SIGTERM");
        const { code, stdout } = await monitor.ended;
        if (!windows) {
          assert.equal(code, 0);
          assert.match(stdout, /stopped, the server knows/);
        }
        assert.equal(proxy.asked[0], `CONNECT fleet.invalid:${port} HTTP/1.1`);
        const doctor = await run(["doctor", "--ca-file", authority], { home, env });
        assert.equal(doctor.code, 0, doctor.stdout);
        assert.match(doctor.stdout, /pass {2}proxy/);
        const stranger = await run(["handshake"], { home, env });
        assert.equal(stranger.code, 6);
        assert.match(stranger.stderr, /certificate|UnknownIssuer/i);
      });
    } finally {
      proxy.close();
      client.close();
      await server.stop();
    }
  }));

for (const status of [407, 502]) {
  Deno.test(`a proxy that refuses with ${status} is an outage, and the doctor says where`, () =>
    withFolder(async (home) => {
      const proxy = startConnectProxy({ status });
      try {
        const env = { ...identify(agent, "https://fleet.invalid"), HTTPS_PROXY: proxy.url };
        const monitor = start(["monitor", "--json"], { home, env });
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
    }));
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
