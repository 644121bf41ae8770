import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Host, python } from "../_support/installers.ts";
import { succeed } from "../_support/run.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { pause, until as untilSo } from "../_support/wait.ts";
import { placeAgent, planJumps, refusal, type Script, type Seen, well, withFake } from "./_agents.ts";

const agentPy = fileURLToPath(new URL("../../installers/agents/agent.py", import.meta.url));

const stories: { name: string; work: (host: Host) => Promise<void> }[] = [];

/** Tells a story of install.py's agent. */
function story(name: string, work: (host: Host) => Promise<void>): void {
  stories.push({ name, work });
}

// The stories wait rather than work, so they are told all at once.
testWith(python.tools, "install.py's own agent", async (context) => {
  await Promise.all(stories.map(({ name, work }) =>
    context.step({
      name,
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
      async fn() {
        await using folder = await temporaryFolder();
        const host = new Host(python, folder.path);
        await placeAgent(host);
        await work(host);
      },
    })
  ));
});

/** What a server begins to say, and what it says again and again then. */
const drips: [name: string, scheme: string, first: string, more: string][] = [
  ["a status", "http", "HTTP/1.1 200 O", "K"],
  ["replies before the reply", "http", "", "HTTP/1.1 102 Processing\r\n\r\n"],
  ["a header", "http", "HTTP/1.1 200 OK\r\nx: ", "x"],
  ["a body", "http", "HTTP/1.1 200 OK\r\n\r\n", " "],
  ["a refusal's body", "http", "HTTP/1.1 503 Busy\r\n\r\n", " "],
  ["chunks", "http", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"],
  ["TLS", "https", "\x16\x03\x03\x3f\x00\x02\x00\x3e\xfc\x03\x03", "x"],
];

/** Says that without an end, on a port of its own. */
function startDrip(first: string, more: string): Disposable & { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const connection of listener) void drip(connection, first, more);
  })();
  return { port: listener.addr.port, [Symbol.dispose]: () => listener.close() };
}

async function drip(connection: Deno.Conn, first: string, more: string): Promise<void> {
  try {
    await connection.write(bytesOf(first));
    while (true) {
      await connection.write(bytesOf(more));
      await pause(20);
    }
  } catch (error) {
    // The agent has gone.
    const { BrokenPipe, ConnectionReset } = Deno.errors;
    if (!(error instanceof BrokenPipe || error instanceof ConnectionReset)) throw error;
  } finally {
    connection.close();
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

// Without the limit, no request would end. Windows has no alarm that could be the limit.
testWith(
  ["python3"],
  "the limit of a request of install.py's agent is for all of it, by no signal, whatever drips",
  async () => {
    using stack = new DisposableStack();
    const servers = drips.map(([name, scheme, first, more]) => {
      const { port } = stack.use(startDrip(first, more));
      return [name, `${scheme}://127.0.0.1:${port}`];
    });
    const proxy = stack.use(startDrip("HTTP/1.1 200 OK\r\nx: ", "x"));
    servers.push(["a proxy's answer", "https://nowhere.invalid"]);
    const program = `
import importlib.util, json, os, signal, sys
del signal.setitimer, signal.SIGALRM
spec = importlib.util.spec_from_file_location("agent", sys.argv[1])
agent = importlib.util.module_from_spec(spec)
spec.loader.exec_module(agent)
os.environ["https_proxy"] = "http://127.0.0.1:${proxy.port}"
for name, url in json.load(sys.stdin):
    one = agent.Agent(url, "id", "secret")
    print("%s: %s" % (name, one.request("health", None, 0.3) or "timed out" in one.reply.failure))
agent.PAGE_SECONDS = 0.3
print(agent.ask_page("http://127.0.0.1:${servers[2]?.[1]?.split(":")[2]}", True).fault)
`;
    const { stdout } = await succeed("python3", ["-B", "-c", program, agentPy], {
      stdin: JSON.stringify(servers),
    });
    assert.deepEqual(stdout.trim().split("\n"), [
      ...servers.map(([name]) => `${name}: True`),
      "did not answer within 0 s",
    ]);
  },
);

testWith(["python3"], "the limit of a download of install.py is for each wait", async () => {
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => undefined };
  await using server = Deno.serve(options, () => new Response("x".repeat(100_000)));
  const program = `
import importlib.util, sys
spec = importlib.util.spec_from_file_location("agent", sys.argv[1])
agent = importlib.util.module_from_spec(spec)
spec.loader.exec_module(agent)
now = agent.time.perf_counter
for is_whole in False, True:
    agent.time.perf_counter = now
    opener = agent.opener_for("http:", is_whole=is_whole)
    with opener.open("http://127.0.0.1:${server.addr.port}", timeout=60) as response:
        agent.time.perf_counter = lambda: now() + 61
        try:
            print(len(response.read()))
        except OSError as error:
            print(error)
`;
  const { stdout } = await succeed("python3", ["-B", "-c", program, agentPy]);
  assert.equal(stdout, "100000\ntimed out\n");
});

/** Has the agent's host sleep for a hundred seconds at each of these moments of the agent's clock. */
async function sleepAt(host: Host, ...moments: number[]): Promise<void> {
  await planJumps(host, moments.map((moment, index) => [moment, 100 * (index + 1)]));
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
  const script: Script = async (one, index) => {
    if (index === 1) await sleepAt(host, one.at + 1);
    if (index === 2) await sleepAt(host, 1, one.at + 5, one.at + 10, one.at + 15);
    return well(one, { beatIn: 24, interval: 24 });
  };
  await withFake(host, script, async ({ seen, until }) => {
    await until(4);
    assertWait(seen, 1, 0, 6);
    assertWait(seen, 2, 24, 24);
  });
});

story("a host that wakes during an outage tries at once", async (host) => {
  const script: Script = async (one, index) => {
    if (index === 6) await sleepAt(host, one.at + 1);
    return [1, 2, 3, 4, 5, 6].includes(index) ? refusal("internal", 500) : well(one, { interval: 1 });
  };
  await withFake(host, script, async ({ seen, until }) => {
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
      await untilSo("a beat", () => beats() > 0);
      child.kill("SIGHUP");
      const before = beats();
      await untilSo("two beats more", () => beats() > before + 1);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0, outlet);
    });
  }
});
