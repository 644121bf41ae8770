import assert from "node:assert/strict";
import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { type Finished, installSh } from "../_support/installers.ts";
import { startServerProcess, withFolder } from "../_support/server.ts";
import { systemd, type SystemdHost, withSystemd } from "../_support/systemd.ts";
import { isBinary } from "./_program.ts";

const unit = "openclaw.service";
const installed = "/usr/local/bin/openclaw";

// A service is installed by the compiled program alone: it copies itself.
if (isBinary) {
  systemd.test("under a real systemd, openclaw service install, reload, a new secret and uninstall", () =>
    withFleet((fleet, url) =>
      withSystemd(async (host) => {
        const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
        const other = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
        const program = join(host.folder, "download");
        await Deno.copyFile(Deno.env.get("OPENCLAW_TEST_BINARY") ?? "", program);
        const identity = (
          id: string,
        ): string[] => ["--url", url, "--agent-id", id, "--agent-secret-file", "-"];

        const args = ["service", "install", ...identity(agent.id)];
        assertDone(await host.run([program, ...args], { stdin: agent.secret }), /active \(system\)/);
        await online(fleet, agent.id);
        const { MainPID: pid = "" } = await show(host);
        const status = (await host.run(["cat", `/proc/${pid}/status`])).stdout;
        assert.match(status, /^Uid:\t([1-9]\d+)\t\1\t\1\t\1$/m);
        assert.match(status, /^CapEff:\t0+$[^]*^NoNewPrivs:\t1$[^]*^Seccomp:\t2$/m);
        const environment = (await host.run(["cat", `/proc/${pid}/environ`])).stdout;
        assert.ok(!environment.includes(agent.secret.slice(4, 40)));

        assertDone(await host.run([installed, "service", "status"]), /^active \(system\)$/m);
        assertDone(await host.run([installed, "status", "--json"]), /"liveness":"online"/);
        assertDone(await host.run([installed, "service", "logs", "--lines", "20"]), /openclaw/);

        assertDone(await host.run([program, "service", "install"]), /active \(system\)/);
        await online(fleet, agent.id);

        const again = ["service", "install", ...identity(other.id)];
        assertDone(await host.run([installed, ...again], { stdin: other.secret }), /active \(system\)/);
        await online(fleet, other.id);
        assert.equal((await host.run(["systemctl", "reload", unit])).code, 0);
        assert.equal((await host.run(["systemctl", "is-active", unit])).stdout, "active\n");

        assertDone(await host.run([installed, "service", "uninstall"]), /looked again: nothing is left/);
        assert.equal((await fleet.agent(other.id)).liveness, "stopped");
        assert.equal((await show(host)).LoadState, "not-found");
        assert.equal(await leftOf(host), "");
      })
    ));

  systemd.test("under a real systemd, install.sh installs this program, and openclaw service removes it", () =>
    withFleet((fleet, url) =>
      withSystemd(async (host) => {
        const agent = await fleet.createAgent({ heartbeat_interval_seconds: 5 });
        const secret = join(host.folder, "secret");
        await Deno.writeTextFile(secret, agent.secret, { mode: 0o600 });
        const program = join(host.folder, "openclaw");
        await Deno.copyFile(Deno.env.get("OPENCLAW_TEST_BINARY") ?? "", program);
        const sum = (await host.run(["sha256sum", program])).stdout.split(" ")[0] ?? "";
        const identity = ["--url", url, "--agent-id", agent.id, "--agent-secret-file", secret];
        const command = ["sh", installSh, ...identity, "--binary", program, "--sha256", sum];
        assertDone(await host.run(command), /online/);
        assertDone(await host.run(command), /nothing had to be changed/);
        assertDone(await host.run([installed, "service", "status"]), /^active \(system\)$/m);
        assertDone(await host.run([installed, "service", "uninstall"]), /looked again: nothing is left/);
        assert.equal((await fleet.agent(agent.id)).liveness, "stopped");
        assert.equal(await leftOf(host), "");
      })
    ));
}

async function leftOf(host: SystemdHost): Promise<string> {
  return (await host.run(["find", "/etc", "/usr/local", "/var/lib", "-name", "*openclaw*"])).stdout;
}

function assertDone({ code, stdout, stderr }: Finished, wanted: RegExp): void {
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.match(`${stdout}${stderr}`, wanted);
}

async function show(host: SystemdHost): Promise<Record<string, string>> {
  const { stdout } = await host.run(["systemctl", "show", "--property=MainPID,LoadState", unit]);
  return Object.fromEntries(stdout.trim().split("\n").map((line) => line.split("=")));
}

async function online(fleet: FleetClient, id: string): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if ((await fleet.agent(id)).liveness === "online") return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail("the agent did not come online");
}

async function withFleet(work: (fleet: FleetClient, url: string) => Promise<void>): Promise<void> {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data });
    try {
      await work(new FleetClient(server.base, server.operatorKey), server.url);
    } finally {
      await server.stop();
    }
  });
}
