import assert from "node:assert/strict";
import { join } from "node:path";
import { Host, python } from "../_support/installers.ts";
import { withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { jump, pause, refusal, type Script, type Seen, well, withFake } from "./_agents.ts";

/** Tells a story of install.py's agent. */
function story(name: string, work: (host: Host) => Promise<void>): void {
  testWith(python.tools, `the agent of install.py: ${name}`, async () => {
    await withFolder(async (folder) => {
      const host = new Host(python, folder);
      await Deno.mkdir(join(host.program, ".."), { recursive: true });
      await Deno.mkdir(join(host.credentials, ".."), { recursive: true });
      await Deno.copyFile(new URL("../../installers/agents/agent.py", import.meta.url), host.program);
      await Deno.chmod(host.program, 0o755);
      await work(host);
    });
  });
}

/** Has the agent's host sleep for a hundred seconds more. */
async function sleep(host: Host): Promise<void> {
  await jump(host, Number(await Deno.readTextFile(join(host.home, "../ahead"))) + 100);
}

function waits(seen: Seen[]): number[] {
  return seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
}

/** Asserts the seconds that the agent slept between two requests. */
function assertWait(seen: Seen[], index: number, least: number, most: number): void {
  const wait = waits(seen)[index] ?? NaN;
  const shown = waits(seen).map((one) => one.toFixed(1)).join(" ");
  assert.ok(wait >= least - 0.1 && wait <= most + 0.1, `${index}: ${least} to ${most} are wanted: ${shown}`);
}

story("a host that dozes beats when it is due, however often it wakes", async (host) => {
  await withFake(host, (one) => well(one, { beatIn: 24, interval: 24 }), async ({ seen, until }) => {
    await until(2);
    await sleep(host);
    await until(3);
    for (let times = 0; times < 3; times++) {
      await pause(600);
      await sleep(host);
    }
    await until(4);
    assertWait(seen, 1, 0, 6);
    assertWait(seen, 2, 24, 24);
  });
});

story("a host that wakes keeps to the time that a server asked for", async (host) => {
  const script: Script = (one, index) =>
    index === 1 ? refusal("unavailable", 503, { "retry-after": "40" }) : well(one);
  await withFake(host, script, async ({ seen, until }) => {
    await until(2);
    await sleep(host);
    await until(3);
    assertWait(seen, 1, 40, 48);
  });
});

story("a host that wakes does not ask whether it is wanted sooner", async (host) => {
  const script: Script = (one, index) => index === 0 ? refusal("invalid_credentials", 401) : well(one);
  await withFake(host, script, async ({ seen, until }) => {
    await until(1);
    await sleep(host);
    await until(2);
    assertWait(seen, 0, 48, 72);
  });
});

story("a host that wakes during an outage tries at once", async (host) => {
  const script: Script = (one, index) =>
    [1, 2, 3, 4, 5, 6].includes(index) ? refusal("internal", 500) : well(one, { interval: 1 });
  await withFake(host, script, async ({ seen, until }) => {
    await until(7);
    await sleep(host);
    await until(8);
    // Without the wake: 40 to 80 s.
    assertWait(seen, 6, 0, 6);
  });
});

story("the waits of an outage are those of the contract", async (host) => {
  const script: Script = (one, index) => index < 6 ? refusal("internal", 500) : well(one, { interval: 1 });
  await withFake(host, script, async ({ seen, until }) => {
    await until(7);
    const wanted: [number, number][] = [[0, 60], [2.5, 5], [5, 10], [10, 20], [20, 40], [40, 80]];
    for (const [index, [least, most]] of wanted.entries()) assertWait(seen, index, least, most);
  });
});

story("a session that has aged while the host slept is renewed before the next beat", async (host) => {
  const script: Script = (one) => well(one, { beatIn: 3600, interval: 3600, refreshIn: 90 });
  await withFake(host, script, async ({ seen, until }) => {
    await until(2);
    await sleep(host);
    await until(4);
    assert.deepEqual(seen.map(({ path }) => path), ["handshake", "heartbeat", "handshake", "heartbeat"]);
  });
});

story("a renewal that fails does not take the session away", async (host) => {
  const script: Script = (one, index) =>
    index > 1 && one.path === "handshake"
      ? refusal("internal", 500)
      : well(one, { beatIn: 3600, interval: 3600, refreshIn: 5 });
  await withFake(host, script, async ({ seen, until, agent }) => {
    await until(3);
    assert.equal(await agent.stop(), 0);
    assert.equal(seen.at(-1)?.body.status, "stopping");
    assert.equal(seen.at(-1)?.token, "Bearer a.b.0");
    assert.equal(seen[2]?.token, null);
  });
});

story("a heartbeat's reply changes the interval", async (host) => {
  const script: Script = (one, index) =>
    one.path === "handshake"
      ? well(one, { interval: 3600 })
      : index % 2 === 1
      ? Response.json({ ok: true, next_heartbeat_in: 1, heartbeat_interval_seconds: 1 })
      : refusal("internal", 500);
  await withFake(host, script, async ({ seen, until }) => {
    await until(10);
    for (const index of [2, 4, 6]) assertWait(seen, index, 0, 1);
  });
});

story(
  "a time to the next beat that is below nothing or beyond a day is brought between them",
  async (host) => {
    const script: Script = (one) => {
      if (one.path === "heartbeat") return Response.json({ ok: true, next_heartbeat_in: -5 });
      return Response.json({
        token: "a.b.c",
        refresh_in: 1e30,
        heartbeat_interval_seconds: 7e2,
        next_heartbeat_in: -1,
      });
    };
    await withFake(host, script, async ({ seen, until, agent }) => {
      await until(4);
      assert.equal(agent.said(), "");
      assert.deepEqual(seen.slice(0, 4).map(({ path }) => path), [
        "handshake",
        "heartbeat",
        "heartbeat",
        "heartbeat",
      ]);
      assertWait(seen, 1, 1, 1);
    });
  },
);

/** Starts the agent by way of a shell that sets its outlets and signals. */
function startBy(host: Host, before: string): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", before, host.program],
    clearEnv: true,
    env: {
      PATH: `${join(host.home, "../fast")}:${Deno.env.get("PATH") ?? ""}`,
      PYTHONPATH: join(host.home, "../fast"),
      HOME: host.home,
    },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

story("nobody who listens is no reason to end, and a signal that is ignored stays so", async (host) => {
  for (const outlet of ["2>/dev/full", "2>&-"]) {
    const failed = new Set<unknown>();
    // Each is refused once, so that it has something to say.
    const script: Script = (one) => {
      if (one.path === "heartbeat" || failed.has(one.body.instance_id)) return well(one, { beatIn: 1 });
      failed.add(one.body.instance_id);
      return refusal("internal", 500);
    };
    await withFake(host, script, async ({ seen, until }) => {
      await until(1);
      const child = startBy(host, `trap "" HUP; exec "$0" monitor ${outlet}`);
      const first = seen[0]?.body.instance_id;
      const beats = (): number =>
        seen.filter(({ path, body }) => path === "heartbeat" && body.instance_id !== first).length;
      await soon(() => beats() > 0);
      child.kill("SIGHUP");
      const before = beats();
      await soon(() => beats() > before + 1);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0, outlet);
    });
  }
});

async function soon(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; await pause(50)) if (isSo()) return;
  assert.fail("it did not come about");
}
