import assert from "node:assert/strict";
import { join } from "node:path";
import { claimHost, type HostClaim, socketOf } from "../../../cli/agent/host_claim.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { run as runCommand } from "../../_support/run.ts";
import { temporaryFolder } from "../../_support/server.ts";
import { testWith } from "../../_support/tools.ts";
import { handshakesAndBeats, handshakesOf, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, run, start } from "../../_support/program.ts";
import { pause, until } from "../../_support/wait.ts";

/** Only Linux has abstract sockets. */
const ignore = Deno.build.os !== "linux";
const root = new URL("../../../", import.meta.url).href;
const another = "ocs_HB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs_abcdef";

interface Claimed {
  /** Null where another process has proven its own claim. */
  claim: HostClaim | null;
  warnings: string[];
}

/** The claims of one agent; each is released at the end of the block. */
function claimsOf({ id: agentId, secret: own } = makeAgent()) {
  const made: HostClaim[] = [];
  return {
    agentId,
    secret: own,
    path: socketOf(agentId),
    async claim(secret = own): Promise<Claimed> {
      const warnings: string[] = [];
      try {
        const claim = await claimHost({ agentId, secret, warn: (text) => void warnings.push(text) });
        made.push(claim);
        return { claim, warnings };
      } catch (error) {
        assert.ok(error instanceof CliError && error.failure === "conflict", String(error));
        return { claim: null, warnings };
      }
    },
    [Symbol.dispose]() {
      for (const claim of made) claim.release();
    },
  };
}

/** Another program that has the socket, and what it does with each caller. */
function startStranger(path: string, handle: (connection: Deno.Conn) => Promise<void>): AsyncDisposable {
  const listener = Deno.listen({ transport: "unix", path });
  const open: Deno.Conn[] = [];
  const handled: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      handled.push(handle(connection));
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(handled);
      for (const connection of open) connection.close();
    },
  };
}

const strangers: { name: string; handle: (connection: Deno.Conn) => Promise<void> }[] = [
  { name: "says nothing", handle: () => Promise.resolve() },
  {
    name: "says something else",
    async handle(connection) {
      await connection.read(new Uint8Array(32));
      await connection.write(new Uint8Array(32).fill(1));
    },
  },
  {
    name: "gives the nonce back",
    async handle(connection) {
      const nonce = new Uint8Array(32);
      await connection.read(nonce);
      await connection.write(nonce);
    },
  },
  {
    name: "breaks off each time",
    async handle(connection) {
      await connection.read(new Uint8Array(32));
      await connection.closeWrite();
    },
  },
];

Deno.test("one claim a host, until it is released", { ignore }, async () => {
  using host = claimsOf();
  const first = await host.claim();
  assert.deepEqual(first.warnings, []);
  assert.equal((await host.claim()).claim, null);
  assert.equal((await host.claim()).claim, null);
  first.claim?.release();
  const later = await host.claim();
  assert.notEqual(later.claim, null);
  assert.deepEqual(later.warnings, []);
});

Deno.test("the claim is proven with the agent's secret, the newest one", { ignore }, async () => {
  using host = claimsOf();
  const first = await host.claim();
  const other = await host.claim(another);
  assert.notEqual(other.claim, null);
  assert.match(other.warnings.join(), /^cannot tell whether another process .*: another program holds /);
  first.claim?.prove(another);
  assert.equal((await host.claim(another)).claim, null);
});

for (const { name, handle } of strangers) {
  Deno.test(`a program that has the socket and ${name} keeps no agent down`, { ignore }, async () => {
    using host = claimsOf();
    await using _stranger = startStranger(host.path, handle);
    const { claim, warnings } = await host.claim();
    assert.notEqual(claim, null);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /going on: another program holds "@openclaw-monitor-/);
  });
}

Deno.test("a caller that asks amiss is let go, and the next one is answered", { ignore }, async () => {
  using host = claimsOf();
  await host.claim();
  const connect = () => Deno.connect({ transport: "unix", path: host.path });
  const silent = await connect();
  const hasty = await connect();
  hasty.close();
  const brief = await connect();
  await brief.write(new Uint8Array(5));
  await brief.closeWrite();
  assert.equal(await brief.read(new Uint8Array(1)), null);
  assert.equal((await host.claim()).claim, null);
  silent.close();
  brief.close();
});

Deno.test("several that start at once → one of them holds the claim", { ignore }, async () => {
  for (let round = 0; round < 10; round++) {
    using host = claimsOf();
    const claimed = await Promise.all([1, 2, 3, 4].map(() => host.claim()));
    assert.equal(claimed.filter(({ claim }) => claim !== null).length, 1);
    assert.deepEqual(claimed.flatMap(({ warnings }) => warnings), []);
  }
});

Deno.test("elsewhere than on Linux nothing is claimed, and nothing is said about it", async () => {
  using host = claimsOf();
  for (const os of ["darwin", "windows"] as const) {
    const warn = (text: string): void => assert.fail(text);
    await claimHost({ agentId: host.agentId, secret: host.secret, warn }, os);
    await claimHost({ agentId: host.agentId, secret: host.secret, warn }, os);
  }
  if (!ignore) assert.notEqual((await host.claim()).claim, null);
});

/** Asks for one agent after the other until it holds the claim; prints when it is refused, and how it ended. */
const contender = `
import { claimHost } from "${root}cli/agent/host_claim.ts";
const [secret, ...agentIds] = Deno.args;
for (const agentId of agentIds) {
  const warnings = [];
  for (let refused = 0, claim = null; claim === null;) {
    try {
      claim = await claimHost({ agentId, secret, warn: (text) => warnings.push(text) });
    } catch (error) {
      if (error.failure !== "conflict") throw error;
      if (++refused === 1) console.log("refused");
    }
  }
  console.log(JSON.stringify(warnings));
}
Deno.exit();
`;

Deno.test("a process that asks while the holder ends has the claim after it, with no warning", {
  ignore,
}, async () => {
  await using folder = await temporaryFolder();
  const script = join(folder.path, "contender.ts");
  await Deno.writeTextFile(script, contender);
  const { secret } = makeAgent();
  const held = [0, 10, 20, 30, 40].map((afterMs) => ({ afterMs, agentId: makeAgent().id }));
  const claims: HostClaim[] = [];
  for (const { agentId } of held) {
    claims.push(await claimHost({ agentId, secret, warn: (text) => assert.fail(text) }));
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-config", "--allow-all", script, secret]
      .concat(held.map(({ agentId }) => agentId)),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let told = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) told += text;
  })();
  try {
    for (const [index, { afterMs }] of held.entries()) {
      await until("the contender to be refused", () => told.split("refused\n").length === index + 2);
      await pause(afterMs);
      claims[index]?.release();
    }
    await reading;
    assert.equal(told, "refused\n[]\n".repeat(held.length), "no warning");
  } finally {
    for (const claim of claims) claim.release();
    await child.status;
  }
});

/** Listens, and leaves no room for one more caller. */
const deaf = `
import socket, sys
one = socket.socket(socket.AF_UNIX)
one.bind("\\0" + sys.argv[1])
one.listen(0)
waiting = [socket.socket(socket.AF_UNIX) for _ in range(8)]
for other in waiting:
    other.setblocking(False)
    other.connect_ex("\\0" + sys.argv[1])
print("full", flush=True)
sys.stdin.read()
`;

testWith(
  ignore ? ["Linux"] : ["python3"],
  "a program that has the socket and takes no call keeps no agent down",
  async () => {
    using host = claimsOf();
    const args = ["-c", deaf, host.path.slice(1)];
    const holder = new Deno.Command("python3", { args, stdin: "piped", stdout: "piped" }).spawn();
    const lines = holder.stdout.getReader();
    try {
      assert.match(new TextDecoder().decode((await lines.read()).value), /^full/);
      const { claim, warnings } = await host.claim();
      assert.notEqual(claim, null);
      assert.match(warnings.join("|"), /^cannot tell whether another process .*, going on: [^|]+$/);
    } finally {
      await holder.stdin.close();
      await lines.cancel();
      await holder.status;
    }
  },
);

/** Does as the docstring says, as another user: prints whether the holder proved itself. */
const asker = `
import hashlib, hmac, os, socket, sys
one = socket.socket(socket.AF_UNIX)
one.settimeout(300)
one.connect("\\0openclaw-monitor-" + sys.argv[1])
nonce = os.urandom(32)
one.sendall(nonce)
proof = b"".join(iter(lambda: one.recv(64), b""))
print(hmac.compare_digest(proof, hmac.new(sys.stdin.read().encode(), b"openclaw monitor\\n" + nonce, hashlib.sha256).digest()))
`;

testWith(
  ignore ? ["Linux"] : ["root", "python3", "setpriv"],
  "any user of the host may ask the holder for its proof, and learns no secret",
  async () => {
    using host = claimsOf();
    await host.claim();
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    for (const [secret, proven] of [[host.secret, "True\n"], [another, "False\n"]] as const) {
      const asked = await runCommand("setpriv", [...user, "python3", "-c", asker, host.agentId], {
        stdin: secret,
        env: { PATH: "/usr/bin:/bin" },
      });
      assert.equal(asked?.stdout, proven, asked?.stderr);
    }
  },
);

Deno.test("a monitor that waits for a stranger's proof still ends at once when it is told to", {
  ignore,
}, async () => {
  using server = startFaultServer(handshakesAndBeats());
  await using home = await temporaryFolder();
  const agent = makeAgent();
  const { promise: isAsked, resolve } = Promise.withResolvers<void>();
  await using _stranger = startStranger(socketOf(agent.id), () => Promise.resolve(resolve()));
  await using monitor = start(["monitor", "--json"], { home: home.path, env: identify(agent, server.url) });
  await isAsked;
  monitor.kill("SIGTERM");
  const { code, stdout, stderr } = await monitor.ended;
  assert.deepEqual([code, stdout, stderr], [0, "", ""], "it did not wait for the proof");
  assert.equal(server.caught.length, 0);
});

Deno.test(
  "a second monitor with another state folder → conflict, without a request; once the first is killed it may",
  {
    ignore,
  },
  async () => {
    using server = startFaultServer(handshakesAndBeats());
    await using one = await temporaryFolder();
    await using other = await temporaryFolder();
    const agent = makeAgent();
    const env = identify(agent, server.url);
    await using first = start(["monitor", "--json"], { home: one.path, env, time: { clock: 10 } });
    await first.until("heartbeat");
    const { code, stdout, stderr } = await run(["monitor"], { home: other.path, env });
    assert.equal(code, 5, stderr);
    assert.equal(stdout, "");
    const message = `Cannot watch over agent ${agent.id}: another process on this host does so already`;
    assert.match(stderr, /\nhint: (deno task )?openclaw(-server)? status\n$/);
    assert.ok(stderr.startsWith(`error: ${message}\n`), stderr);
    await first.until("heartbeat", first.events().filter(({ event }) => event === "heartbeat").length + 1);
    assert.equal(handshakesOf(server).length, 1);
    await first.end();
    await using second = start(["monitor", "--json"], { home: other.path, env });
    await second.until("heartbeat");
    assert.deepEqual(second.events().map(({ event }) => event), ["started", "handshake", "heartbeat"]);
  },
);
