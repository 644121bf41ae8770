import assert from "node:assert/strict";
import { join } from "node:path";
import { openclaw, withFolder } from "../../_support/server.ts";
import {
  accepts,
  type Caught,
  type Fault,
  greets,
  refuses,
  startFaultServer,
} from "../../_support/fault_server.ts";
import { identify, makeAgent, type Run, run, type Running, start } from "../../_support/program.ts";

const agent = makeAgent();
/** There a program cannot be asked from outside to stop, only be ended. */
const windows = Deno.build.os === "windows";

interface Stage {
  answer: (caught: Caught, index: number) => Fault;
  args?: (home: string) => string[];
  command?: string[];
}

/** What a monitor did once it was told to stop, and how long that took. */
async function stopped(
  { answer, args = () => [], command = ["monitor", "--json"] }: Stage,
  work: (monitor: Running, server: { until: (requests: number) => Promise<void> }) => Promise<void>,
): Promise<Run & { took: number; after: string[] }> {
  const server = startFaultServer(answer);
  try {
    return await withFolder(async (home) => {
      const monitor = start([...command, ...args(home)], { home, env: identify(agent, server.url) });
      try {
        await work(monitor, server);
      } catch (error) {
        monitor.kill("SIGKILL");
        await monitor.ended;
        throw error;
      }
      const asked = performance.now();
      const before = server.caught.length;
      monitor.kill("SIGTERM");
      const ended = await monitor.ended;
      const after = server.caught.slice(before).map(({ path, body }) =>
        path.endsWith("/handshake") ? "handshake" : String(JSON.parse(body).status)
      );
      return { ...ended, took: performance.now() - asked, after };
    });
  } finally {
    server.close();
  }
}

function isHandshake({ path }: Caught): boolean {
  return path.endsWith("/handshake");
}

function isFarewell({ body }: Caught): boolean {
  return body.includes('"stopping"');
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test({
  name: "SIGHUP and then SIGTERM while a beat hangs: the stop does not wait for it",
  ignore: windows,
  async fn() {
    const answer = (caught: Caught): Fault =>
      isHandshake(caught) ? greets() : isFarewell(caught) ? accepts() : "hang";
    const { code, took, after } = await stopped({ answer }, async (monitor, server) => {
      await server.until(2);
      monitor.kill("SIGHUP");
      await pause(300);
    });
    assert.equal(code, 0);
    assert.deepEqual(after, ["stopping"]);
    assert.ok(took < 4000, `${took} ms`);
  },
});

Deno.test({
  name: "two orders to stop at once, as a task runner makes of a Ctrl-C, are one: the farewell is said",
  ignore: windows,
  async fn() {
    const answer = (caught: Caught): Fault => {
      const reply = accepts();
      assert.ok(typeof reply === "object");
      if (isHandshake(caught)) return greets();
      return isFarewell(caught) ? { ...reply, afterMilliseconds: 1500 } : reply;
    };
    const { code, stdout } = await stopped({ answer }, async (monitor) => {
      await monitor.until("heartbeat");
      monitor.kill("SIGINT");
      await pause(5);
      monitor.kill("SIGINT");
      await pause(5);
    });
    assert.equal(code, 0);
    assert.match(stdout, /stopped, the server knows/);
  },
});

Deno.test("an order to stop while a handshake hangs is obeyed within 4 s", { ignore: windows }, async () => {
  const { code, took } = await stopped({ answer: () => "hang" }, (_monitor, server) => server.until(1));
  assert.equal(code, 0);
  assert.ok(took < 4000, `${took} ms`);
});

Deno.test({
  name: "an order to stop while the status command runs kills it, and says goodbye",
  ignore: windows,
  async fn() {
    const answer = (caught: Caught): Fault => isHandshake(caught) ? greets() : accepts();
    const args = (): string[] => ["--status-command", "/bin/sleep 9"];
    const { code, took, after } = await stopped({ answer, args }, async (monitor) => {
      await monitor.until("handshake");
      await pause(500);
    });
    assert.equal(code, 0);
    assert.deepEqual(after, ["stopping"]);
    assert.ok(took < 3000, `${took} ms`);
  },
});

Deno.test("an order to stop in the pause after a refused beat: a new session says goodbye", {
  ignore: windows,
}, async () => {
  const answer = (caught: Caught, index: number): Fault => {
    if (isHandshake(caught)) return greets({ heartbeat_interval_seconds: 10 });
    return index > 1 ? accepts() : refuses("session_revoked");
  };
  const { code, after } = await stopped({ answer }, async (monitor) => {
    await monitor.until("session_revoked");
  });
  assert.equal(code, 0);
  assert.deepEqual(after, ["handshake", "stopping"]);
});

for (const command of [["monitor", "--once"], ["heartbeat"]]) {
  Deno.test(
    `openclaw ${
      command.join(" ")
    } that is told to stop says no goodbye, and does not end as if it had beaten`,
    {
      ignore: windows,
    },
    async () => {
      const answer = (caught: Caught): Fault => isHandshake(caught) ? greets() : "hang";
      const { code, stderr, after } = await stopped(
        { answer, command },
        (_monitor, server) => server.until(2),
      );
      assert.equal(code, 1);
      assert.match(stderr, /told to stop before one was accepted/);
      assert.match(stderr, /^hint: /m);
      assert.deepEqual(after, []);
    },
  );
}

Deno.test({
  name: "an order to stop is obeyed while the secret is still waited for",
  ignore: windows,
  fn: () =>
    withFolder(async (home) => {
      const pipe = join(home, "pipe");
      assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
      const flags = ["monitor", "--url", "http://127.0.0.1:1", "--agent-id", agent.id, "--agent-secret-file"];
      // At a pipe the system's own answer to the signal ends it.
      for (const [source, expected] of [["-", 0], [pipe, 143]] as const) {
        const { program, args } = openclaw([...flags, source]);
        const child = new Deno.Command(program, { args, stdin: "piped", stdout: "null", stderr: "null" })
          .spawn();
        await pause(3000);
        const asked = performance.now();
        child.kill("SIGTERM");
        const { code } = await child.status;
        await child.stdin.close();
        assert.equal(code, expected, source);
        assert.ok(performance.now() - asked < 2000);
      }
    }),
});

Deno.test("one beat whose session is refused twice → refused", () =>
  withFolder(async (home) => {
    const server = startFaultServer((caught) =>
      isHandshake(caught) ? greets({ heartbeat_interval_seconds: 0 }) : refuses("token_invalid")
    );
    try {
      assert.equal((await run(["heartbeat"], { home, env: identify(agent, server.url) })).code, 3);
      assert.equal(server.caught.length, 4);
    } finally {
      server.close();
    }
  }));
