import assert from "node:assert/strict";
import { join } from "node:path";
import { claimHost, type HostClaim, type Place, placeOf } from "../../../cli/agent/host_claim.ts";
import { CliError } from "../../../cli/terminal/errors.ts";
import { makeSecret } from "../../../supabase/functions/_shared/secret.ts";
import type { CreatedAgent } from "../../_support/client.ts";
import { testUnless } from "../../_support/require.ts";
import { run as runCommand } from "../../_support/run.ts";
import { withFolder } from "../../_support/server.ts";
import { isInstalled } from "../../_support/tools.ts";
import { accepts, type FaultServer, greets, startFaultServer } from "../../_support/fault_server.ts";
import { identify, makeAgent, run, type Running, start } from "../../_support/program.ts";

const linux = Deno.build.os === "linux";
const unix = Deno.build.os !== "windows";
const root = new URL("../../../", import.meta.url).href;
const another = "ocs_HB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs_abcdef";

/** Where the claim is made: as on Linux, and as on macOS and Windows. */
const kinds: { kind: string; ignore: boolean; at: (id: string) => Place }[] = [
  { kind: "an abstract socket", ignore: !linux, at: (id) => placeOf(id, "linux") },
  { kind: "a loopback port", ignore: false, at: (id) => placeOf(id, "windows") },
];

interface Scene {
  place: Place;
  claim: (secret?: string) => Promise<{ claim: HostClaim | null; warnings: string[] }>;
}

/** The claims of one agent, each released in the end; null where another process has proven its own. */
async function onHost(at: (id: string) => Place, work: (scene: Scene) => Promise<void>) {
  const agent = makeAgent();
  const claims: HostClaim[] = [];
  const place = at(agent.id);
  const claim: Scene["claim"] = async (secret = agent.secret) => {
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text);
    try {
      const made = await claimHost({ agentId: agent.id, secret, warn }, place);
      claims.push(made);
      return { claim: made, warnings };
    } catch (error) {
      assert.ok(error instanceof CliError && error.failure === "conflict", String(error));
      return { claim: null, warnings };
    }
  };
  try {
    await work({ place, claim });
  } finally {
    for (const one of claims) one.release();
  }
}

function listen(place: Place): Deno.Listener {
  return place.transport === "unix" ? Deno.listen(place) : Deno.listen(place);
}

function connect(place: Place): Promise<Deno.Conn> {
  return place.transport === "unix" ? Deno.connect(place) : Deno.connect(place);
}

/** Somebody else who has the place, and what it does with whoever asks. */
async function withStranger(
  place: Place,
  handle: (connection: Deno.Conn) => Promise<void>,
  work: () => Promise<void>,
): Promise<void> {
  const listener = listen(place);
  const open: Deno.Conn[] = [];
  const handled: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      handled.push(handle(connection));
    }
  })();
  try {
    await work();
  } finally {
    listener.close();
    await accepting;
    await Promise.all(handled);
    for (const connection of open) connection.close();
  }
}

async function nonceFrom(connection: Deno.Conn): Promise<void> {
  await connection.read(new Uint8Array(32));
}

const strangers: { name: string; handle: (connection: Deno.Conn) => Promise<void> }[] = [
  { name: "says nothing", handle: () => Promise.resolve() },
  {
    name: "says something else",
    async handle(connection) {
      await nonceFrom(connection);
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
      await nonceFrom(connection);
      await connection.closeWrite();
    },
  },
];

for (const { kind, ignore, at } of kinds) {
  Deno.test({
    name: `${kind}: one claim a host, until it is released`,
    ignore,
    fn: () =>
      onHost(at, async ({ claim }) => {
        const first = await claim();
        assert.deepEqual(first.warnings, []);
        assert.equal((await claim()).claim, null);
        assert.equal((await claim()).claim, null);
        first.claim?.release();
        const later = await claim();
        assert.notEqual(later.claim, null);
        assert.deepEqual(later.warnings, []);
      }),
  });

  Deno.test({
    name: `${kind}: the claim is proven with the agent's secret, the newest one`,
    ignore,
    fn: () =>
      onHost(at, async ({ claim }) => {
        const first = await claim();
        const other = await claim(another);
        assert.notEqual(other.claim, null);
        assert.match(
          other.warnings.join(),
          /^cannot tell whether another process .*: another program holds /,
        );
        first.claim?.prove(another);
        assert.equal((await claim(another)).claim, null);
      }),
  });

  for (const { name, handle } of strangers) {
    Deno.test({
      name: `${kind}: who has the place and ${name} keeps no agent down`,
      ignore,
      fn: () =>
        onHost(at, ({ place, claim }) =>
          withStranger(place, handle, async () => {
            const { claim: made, warnings } = await claim();
            assert.notEqual(made, null);
            assert.equal(warnings.length, 1);
            assert.match(warnings[0] ?? "", /going on: another program holds ("@|127\.0\.0\.1:)/);
          })),
    });
  }

  Deno.test({
    name: `${kind}: whoever asks amiss is let go, and the next one is answered`,
    ignore,
    fn: () =>
      onHost(at, async ({ place, claim }) => {
        await claim();
        const silent = await connect(place);
        const hasty = await connect(place);
        hasty.close();
        const brief = await connect(place);
        await brief.write(new Uint8Array(5));
        await brief.closeWrite();
        assert.equal(await brief.read(new Uint8Array(1)), null);
        assert.equal((await claim()).claim, null);
        silent.close();
        brief.close();
      }),
  });
}

/** Asks by itself until it holds the claim; prints how that went. */
const contender = `
import { claimHost } from "${root}cli/agent/host_claim.ts";
const [agentId, secret, place] = Deno.args;
let refused = 0;
const warnings = [];
console.log("begun");
for (;;) {
  try {
    const claim = await claimHost({ agentId, secret, warn: (text) => warnings.push(text) }, JSON.parse(place));
    console.log(JSON.stringify({ refused, warnings }));
    claim.release();
    break;
  } catch (error) {
    if (error.failure !== "conflict") throw error;
    refused += 1;
  }
}
`;

for (const { kind, ignore, at } of kinds) {
  Deno.test({
    name: `${kind}: who asks while the holder ends has the claim after it, not a stranger before it`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const script = join(folder, "contender.ts");
        await Deno.writeTextFile(script, contender);
        for (let round = 0; round < 5; round++) {
          const { id, secret } = makeAgent();
          const place = at(id);
          const claim = await claimHost({ agentId: id, secret, warn: (text) => assert.fail(text) }, place);
          const child = new Deno.Command(Deno.execPath(), {
            args: ["run", "--quiet", "--no-prompt", "--no-config", "--allow-all", script, id, secret]
              .concat(JSON.stringify(place)),
            stdout: "piped",
            stderr: "inherit",
          }).spawn();
          const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
          assert.equal((await lines.read()).value, "begun\n");
          await new Promise((resolve) => setTimeout(resolve, 200 + 50 * Math.random()));
          claim.release();
          const { refused, warnings } = JSON.parse((await lines.read()).value ?? "");
          assert.ok(refused > 0, "it never met the holder");
          assert.deepEqual(warnings, []);
          await lines.cancel();
          await child.status;
        }
      }),
  });
}

for (const { kind, ignore, at } of kinds) {
  Deno.test({
    name: `${kind}: several that start at once → one of them holds it`,
    ignore,
    async fn() {
      for (let round = 0; round < 30; round++) {
        const { id: agentId, secret } = makeAgent();
        const warnings: string[] = [];
        const warn = (text: string): void => void warnings.push(text);
        const started = [1, 2, 3, 4].map(() => claimHost({ agentId, secret, warn }, at(agentId)));
        const ended = await Promise.allSettled(started);
        const held = ended.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
        assert.deepEqual([held.length, warnings], [1, []]);
        held[0]?.release();
      }
    },
  });
}

Deno.test("a loopback port that may not be had keeps no agent down", () =>
  onHost(() => ({ transport: "tcp", hostname: "127.0.0.1", port: 70_000 }), async ({ claim }) => {
    const { claim: made, warnings } = await claim();
    assert.notEqual(made, null);
    assert.match(warnings.join("|"), /^cannot tell whether another process .*, going on: [^|]+$/);
  }));

/** Has a port, takes no call, and has as many waiting as it lets wait. */
const deaf = `
import socket, sys
one = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=0)
waiting = [socket.socket() for _ in range(8)]
for other in waiting:
    other.setblocking(False)
    other.connect_ex(("127.0.0.1", int(sys.argv[1])))
print("full", flush=True)
sys.stdin.read()
`;

testUnless(
  linux && isInstalled("python3") ? null : "Linux and python3",
  "a loopback port whose holder takes no call keeps no agent down",
  () =>
    onHost((id) => placeOf(id, "windows"), async ({ place, claim }) => {
      assert.ok(place.transport === "tcp");
      const args = ["-c", deaf, String(place.port)];
      const holder = new Deno.Command("python3", { args, stdin: "piped", stdout: "piped" }).spawn();
      const lines = holder.stdout.getReader();
      try {
        assert.match(new TextDecoder().decode((await lines.read()).value), /^full/);
        const { claim: made, warnings } = await claim();
        assert.notEqual(made, null);
        assert.match(
          warnings.join("|"),
          /^cannot tell .*, going on: another program holds 127\.0\.0\.1:\d+$/,
        );
      } finally {
        await holder.stdin.close();
        await lines.cancel();
        await holder.status;
      }
    }),
);

Deno.test("elsewhere than on Linux an agent has a port, always the same, and agents have different ones", () => {
  const ports = Array.from({ length: 100 }, () => placeOf(makeAgent().id, "darwin"))
    .map((place) => place.transport === "tcp" ? place.port : NaN);
  assert.ok(ports.every((port) => port >= 16_384 && port < 32_768), ports.join(" "));
  assert.ok(new Set(ports).size > 90, ports.join(" "));
  assert.deepEqual(placeOf("0b6cbd5c-9f0e-4e5a-8f7d-2c1f5a3effff", "windows"), {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 32_767,
  });
});

Deno.test({
  name: "a monitor that waits for a stranger's proof still ends at once when it is told to",
  ignore: !unix,
  fn: () =>
    onStage(async ({ agent, server, begin }) => {
      const { promise: isAsked, resolve } = Promise.withResolvers<void>();
      const handle = (): Promise<void> => Promise.resolve(resolve());
      await withStranger(placeOf(agent.id), handle, async () => {
        const monitor = await begin();
        await isAsked;
        monitor.kill("SIGTERM");
        const { code, stdout, stderr } = await monitor.ended;
        assert.deepEqual([code, stdout, stderr], [0, "", ""], "it did not wait for the proof");
        assert.equal(server.caught.length, 0);
      });
    }),
});

/** Does as the docstring says, as another user: prints whether the holder proved itself. */
const asker = `
import hashlib, hmac, os, socket, sys
one = socket.socket(socket.AF_UNIX)
one.settimeout(3)
one.connect("\\0openclaw-monitor-" + sys.argv[1])
nonce = os.urandom(32)
one.sendall(nonce)
proof = b"".join(iter(lambda: one.recv(64), b""))
print(hmac.compare_digest(proof, hmac.new(sys.stdin.read().encode(), b"openclaw monitor\\n" + nonce, hashlib.sha256).digest()))
`;

interface Stage {
  agent: CreatedAgent;
  server: FaultServer;
  url: string;
  /** Starts a monitor with a home, and so a state folder, of its own, unless there is one with credentials. */
  begin: (configured?: string) => Promise<Running>;
}

async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
  const agent = makeAgent();
  const begun: Running[] = [];
  try {
    await withFolder(async (folder) => {
      const begin: Stage["begin"] = async (configured) => {
        const home = configured ?? join(folder, `home ${begun.length}`);
        await Deno.mkdir(home, { recursive: true });
        const env = configured === undefined ? identify(agent, server.url) : {};
        const monitor = start(["monitor", "--json"], { home, env });
        begun.push(monitor);
        return monitor;
      };
      try {
        await work({ agent, server, url: server.url, begin });
      } finally {
        for (const monitor of begun) await monitor.end();
      }
    });
  } finally {
    server.close();
  }
}

Deno.test("a second monitor with another state folder → conflict, without a request; once the first is killed it may", () =>
  onStage(async ({ agent, server, url, begin }) => {
    const first = await begin();
    await first.until("heartbeat");
    await withFolder(async (home) => {
      const { code, stdout, stderr } = await run(["monitor"], { home, env: identify(agent, url) });
      assert.equal(code, 5, stderr);
      assert.equal(stdout, "");
      const message = `Cannot watch over agent ${agent.id}: another process on this host does so already`;
      assert.equal(stderr, `error: ${message}\nhint: openclaw status\n`);
    });
    await first.until("heartbeat", 3);
    assert.equal(server.caught.filter(({ path }) => path.endsWith("/handshake")).length, 1);
    await first.end();
    const second = await begin();
    await second.until("heartbeat");
    assert.deepEqual(second.events().map(({ event }) => event), ["started", "handshake", "heartbeat"]);
  }));

testUnless(
  linux && Deno.uid() === 0 && ["python3", "setpriv"].every(isInstalled)
    ? null
    : "Linux, root, python3 and setpriv",
  "any user of the host may ask a monitor for its proof, and learns no secret",
  () =>
    onStage(async ({ agent, begin }) => {
      const monitor = await begin();
      await monitor.until("heartbeat");
      const user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
      for (const [secret, proven] of [[agent.secret, "True\n"], [another, "False\n"]] as const) {
        const asked = await runCommand("setpriv", [...user, "python3", "-c", asker, agent.id], {
          stdin: secret,
          env: { PATH: "/usr/bin:/bin" },
        });
        assert.equal(asked?.stdout, proven, asked?.stderr);
      }
    }),
);

/** A monitor with a credentials file that is written anew, and read again. */
async function reloaded(
  work: (stage: Stage, reload: (agent: CreatedAgent) => Promise<void>) => Promise<void>,
) {
  await onStage((stage) =>
    withFolder(async (home) => {
      const configure = async ({ id, secret }: CreatedAgent): Promise<void> => {
        const args = ["configure", "--url", stage.url, "--agent-id", id, "--agent-secret-file", "-"];
        assert.equal((await run(args, { home, stdin: secret })).code, 0);
      };
      await configure(stage.agent);
      const monitor = await stage.begin(home);
      await monitor.until("heartbeat");
      await work(stage, async (agent) => {
        await configure(agent);
        monitor.kill("SIGHUP");
        await monitor.until("reloaded");
        await monitor.until("handshake", 2);
      });
    })
  );
}

async function assertWatched(agent: CreatedAgent, url: string): Promise<void> {
  await withFolder(async (home) => {
    const { code, stderr } = await run(["monitor"], { home, env: identify(agent, url) });
    assert.equal(code, 5, stderr);
  });
}

Deno.test({
  name: "SIGHUP with another agent lets go of the one, and claims the other",
  ignore: !unix,
  fn: () =>
    reloaded(async ({ url, begin }, reload) => {
      const other = makeAgent();
      await reload(other);
      await assertWatched(other, url);
      await (await begin()).until("heartbeat");
    }),
});

Deno.test({
  name: "SIGHUP with another secret of the agent: the claim is proven with that one",
  ignore: !unix,
  fn: () =>
    reloaded(async ({ agent, url }, reload) => {
      const fresh = { id: agent.id, secret: await makeSecret(new Uint8Array(32).fill(7)) };
      await reload(fresh);
      await assertWatched(fresh, url);
    }),
});
