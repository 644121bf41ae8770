import assert from "node:assert/strict";
import { join } from "node:path";
import { makeInstaller, type Shell } from "../../supabase/functions/_shared/installer.ts";
import { FleetClient } from "../_support/client.ts";
import {
  assertEnded,
  Host,
  installSh,
  type Language,
  languages,
  python,
  run,
  sh,
  tree,
} from "../_support/installers.ts";
import { freePort } from "../_support/postgres.ts";
import { openclaw, startServerProcess, withFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { withFront } from "./_scenarios.ts";

const twoOfThem: { shell: Shell; host: typeof sh; stdin: string[] }[] = [
  { shell: "bash", host: sh, stdin: ["sh"] },
  { shell: "python", host: python, stdin: ["python3", "-W", "error", "-"] },
];

for (const { shell, host: language, stdin } of twoOfThem) {
  testWith(language.tools, `the ${shell} installer as it is handed out`, async (context) => {
    const scenes: [string, (scene: Scene) => Promise<void>][] = [
      [`openclaw installer ${shell} | ${stdin[0]} → online; uninstalled → nothing left`, piped],
      [`openclaw installer ${shell} --output → a file of 0600 that deletes itself`, kept],
      [`GET /install?shell=${shell}, piped, takes the agent from the environment`, fetched],
      [`POST /create-agent with installer ${shell} → a file that brings the agent online`, created],
      ["a URL with quotes and substitutions is one word", oddUrl],
    ];
    await withFleet(async (given) => {
      for (const [name, work] of scenes) {
        await context.step(
          name,
          () => withFolder((folder) => work({ ...given, folder, shell, language, stdin })),
        );
      }
    });
  });
}

interface Scene {
  folder: string;
  fleet: FleetClient;
  url: string;
  shell: Shell;
  language: Language;
  /** What runs an installer that it reads from a pipe. */
  stdin: string[];
}

async function piped({ folder, fleet, url, shell, language, stdin }: Scene): Promise<void> {
  const host = new Host(language, folder);
  await Deno.mkdir(host.home);
  const agent = await fleet.createAgent();
  await Deno.writeTextFile(host.secretFile, agent.secret);
  const args = ["--url", url, "--agent-id", agent.id, "--agent-secret-file", host.secretFile];
  const made = await cli(["installer", shell, ...args]);
  assert.equal(made.code, 0, made.stderr);
  assertEnded(await run(stdin, { stdin: made.stdout, env: { HOME: host.home } }), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
  const undo = await run([...stdin, ...(stdin.includes("-") ? [] : ["-s", "--"]), "--uninstall"], {
    stdin: made.stdout,
    env: { HOME: host.home },
  });
  assertEnded(undo, 0);
  assert.deepEqual(await tree(host.home), {});
}

async function kept({ folder, fleet, url, shell, language }: Scene): Promise<void> {
  const agent = await fleet.createAgent();
  const file = join(folder, "it's an installer");
  const env = { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: agent.id, OPENCLAW_AGENT_SECRET: agent.secret };
  const made = await cli(["installer", shell, "--output", file], env);
  assert.equal(made.code, 0, made.stderr);
  assert.equal(made.stdout, "");
  assert.equal((await Deno.stat(file)).mode, 0o100600);
  assert.equal((await cli(["installer", shell, "--output", file], env)).code, 5);
  const host = new Host({ ...language, file }, folder);
  await Deno.mkdir(host.home);
  assertEnded(await host.run([]), 0, /delete ".*it's an installer": it holds the secret/);
  assertEnded(await host.run(["--yes"]), 0, /deleted ".*it's an installer", which held the secret/);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);
}

async function fetched({ folder, fleet, url, shell, stdin }: Scene): Promise<void> {
  const { id, secret } = await fleet.createAgent();
  const reply = await fetch(`${url}/functions/v1/install?shell=${shell}`);
  const env = { HOME: folder, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: secret };
  assertEnded(await run(stdin, { stdin: await reply.text(), env }), 0);
  assert.equal((await fleet.agent(id)).liveness, "online");
}

async function created({ folder, fleet, shell, stdin }: Scene): Promise<void> {
  const reply = await fetch(`${fleet.base}/create-agent`, {
    method: "POST",
    headers: fleet.operator,
    body: JSON.stringify({ name: "it's $(id)", installer: shell }),
  });
  const { agent, installer } = await reply.json();
  assertEnded(await run(stdin, { stdin: installer.content, env: { HOME: folder } }), 0);
  assert.equal((await fleet.agent(agent.id)).liveness, "online");
}

async function oddUrl({ folder, shell, stdin }: Scene): Promise<void> {
  const url = `http://127.0.0.1:${await freePort()}/it's$(touch$IFS'pwned');&`;
  const agent = { id: "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", secret };
  const { content } = makeInstaller(shell, { url, agent });
  const ended = await run(stdin, {
    stdin: content,
    env: { HOME: folder },
    wrapper: ["env", "-C", folder],
  });
  assertEnded(ended, 6);
  assert.ok(ended.stderr.includes(`Cannot reach ${url}: `), ended.stderr);
  assert.deepEqual(await tree(folder), {});
}

const secret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";

const shells = languages.filter((one) => one.extension === "sh");

testWith(
  ["dash", "bash", "busybox", "zsh", "curl"],
  "no trace of a shell shows the secret that is in an installer, from the first line to online",
  async () => {
    await withFleet(async ({ folder, fleet, url }) => {
      const agent = await fleet.createAgent();
      const file = join(folder, "install.sh");
      await Deno.writeTextFile(file, makeInstaller("bash", { url, agent }).content);
      for (const { command } of shells) {
        for (const flags of ["-x", "-v", "-xv"]) {
          const env = { HOME: folder };
          const ended = await run([...command, flags, file], { env });
          assertEnded(ended, 0);
          const undone = await run([...command, flags, file, "--uninstall"], { env });
          assertEnded(undone, 0);
          const shown = `${ended.stdout}${ended.stderr}${undone.stdout}${undone.stderr}`;
          assert.ok(!shown.includes(agent.secret.slice(4, 20)), `${command} ${flags}`);
        }
      }
    });
  },
);

testWith(
  ["dash", "bash", "busybox", "zsh", "curl"],
  "an installer from a pipe runs under every shell",
  async () => {
    await withFleet(async ({ folder, fleet, url }) => {
      for (const { command } of shells) {
        const agent = await fleet.createAgent();
        const { content: stdin } = makeInstaller("bash", { url, agent });
        const env = { HOME: folder };
        assertEnded(await run(command, { stdin, env }), 0);
        assert.equal((await fleet.agent(agent.id)).liveness, "online");
        assertEnded(await run([...command, "-s", "--", "--uninstall"], { stdin, env }), 0);
        assert.deepEqual(await tree(folder), {});
      }
    });
  },
);

testWith(["sh", "python3", "curl"], "no process that an installer starts is given the secret", async () => {
  await withFleet(async ({ folder, fleet, url }) => {
    const { id, secret } = await fleet.createAgent();
    const { bin, log } = await spies(folder);
    // What the installers call their own variables may be exported already, or everything by "sh -a".
    const own =
      "agent_secret env_secret baked_agent_secret installed_secret credential token value fields line agent";
    const env = {
      OPENCLAW_URL: url,
      OPENCLAW_AGENT_ID: id,
      OPENCLAW_AGENT_SECRET: secret,
      OPENCLAW_OPERATOR_KEY: "x",
      OPENCLAW_UNHEARD_OF: "y\nOPENCLAW_TWO_LINES=z",
      ...Object.fromEntries(own.split(" ").map((name) => [name, "x"])),
    };
    for (const language of languages) {
      const home = join(folder, language.name);
      await Deno.mkdir(home);
      const command = [...language.command.slice(1), ...(language.extension === "sh" ? ["-a"] : [])];
      const program = await which(language.command[0] ?? "");
      const path = { ...env, HOME: home, PATH: `${bin}:${Deno.env.get("PATH") ?? ""}` };
      assertEnded(await run([program, ...command, language.file, "--yes"], { env: path }), 0);
      if (language.extension === "sh") {
        const agent = [program, ...command, join(home, ".local/bin/openclaw"), "monitor"];
        await run(["timeout", "2", ...agent], { env: path });
        assert.equal((await fleet.agent(id)).liveness, "stopped");
      }
      const before = { ...path, OPENCLAW_AGENT_ID: "", OPENCLAW_AGENT_SECRET: "" };
      assertEnded(await run([program, ...command, language.file, "--uninstall"], { env: before }), 0);
    }
    const seen = await Deno.readTextFile(log);
    assert.match(seen, /^curl .*-K -/m);
    assert.ok(!seen.includes(secret.slice(4, 20)), "a process was given the secret");
    assert.doesNotMatch(seen, /^OPENCLAW_/m);
  });
});

/** A folder of programs that write down how they are called, and are then what they are called. */
async function spies(folder: string): Promise<{ bin: string; log: string }> {
  const [bin, log] = [join(folder, "bin"), join(folder, "log")];
  await Deno.mkdir(bin);
  const tools = [
    "awk",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "curl",
    "cut",
    "date",
    "dd",
    "dirname",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mv",
    "od",
    "rm",
    "rmdir",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "tr",
    "uname",
  ];
  for (const tool of tools) {
    const real = await which(tool);
    const script = `#!/bin/sh\n{ echo "${tool} $*"; env; } >>"${log}"\nexec ${real} "$@"\n`;
    await Deno.writeTextFile(join(bin, tool), script, { mode: 0o755 });
  }
  return { bin, log };
}

async function which(tool: string): Promise<string> {
  return (await run(["sh", "-c", 'command -v "$0"', tool])).stdout.trim();
}

testWith(["sh", "curl"], "an installer that was cut off does nothing", async () => {
  await withFolder(async (folder) => {
    let asked = 0;
    await withFront(() => (asked++, new Response("{}")), async (url) => {
      const agent = { id: "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11", secret };
      const whole = makeInstaller("bash", { url, agent }).content.trimEnd();
      const lines = Array.from(whole.matchAll(/\n/g), ({ index }) => index);
      const lastLine = Array.from(
        { length: whole.length - (lines.at(-1) ?? 0) },
        (_, index) => whole.length - 1 - index,
      );
      const firstLines = Array.from({ length: 1200 }, (_, index) => index);
      await inParts([...lines, ...lastLine, ...firstLines], async (end) => {
        const { stdout } = await run(["sh"], { stdin: whole.slice(0, end), env: { HOME: folder } });
        assert.equal(stdout, "", `cut at ${end}: ${whole.slice(end - 40, end)}`);
      });
      assert.equal(asked, 0);
      assert.deepEqual(await tree(folder), {});
      await run(["sh"], { stdin: whole, env: { HOME: folder } });
      assert.equal(asked, 1);
    });
  });
});

async function inParts(items: number[], work: (item: number) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  }));
}

Deno.test("openclaw installer with half an agent, a bad secret or an address without TLS → 2, and empty stdout", async () => {
  const id = "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
  const url = "https://fleet.example";
  const wrong: [string[], Record<string, string>, RegExp][] = [
    [["bash"], {}, /no server is named/],
    [["fish"], { OPENCLAW_URL: url }, /fish/],
    [["bash", "--agent-id", id], { OPENCLAW_URL: url, OPENCLAW_AGENT_SECRET: secret }, /given together/],
    [["bash"], { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id }, /given together/],
    [
      ["bash"],
      { OPENCLAW_URL: url, OPENCLAW_AGENT_ID: id, OPENCLAW_AGENT_SECRET: `${secret}x` },
      /55 characters/,
    ],
    [["bash", "--url", "http://fleet.example"], {}, /neither https nor a loopback/],
  ];
  for (const [args, env, message] of wrong) {
    const ended = await cli(["installer", ...args], env);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
  }
});

Deno.test("openclaw installer without an agent prints the installer without a secret", async () => {
  const { code, stdout } = await cli(["installer", "bash", "--url", "https://fleet.example/functions/v1/"]);
  assert.equal(code, 0);
  assert.equal(stdout, makeInstaller("bash", { url: "https://fleet.example" }).content);
  assert.notEqual(stdout, await Deno.readTextFile(installSh));
});

function cli(args: string[], env: Record<string, string> = {}): ReturnType<typeof run> {
  const start = openclaw(args);
  const home = Deno.env.get("HOME") ?? "/";
  return run([start.program, ...start.args], { env: { HOME: home, NO_COLOR: "1", ...env } });
}

async function withFleet(
  work: (given: { folder: string; fleet: FleetClient; url: string }) => Promise<void>,
): Promise<void> {
  await withFolder(async (data) => {
    const server = await startServerProcess({ data });
    try {
      await withFolder((folder) =>
        work({ folder, fleet: new FleetClient(server.base, server.operatorKey), url: server.url })
      );
    } finally {
      await server.stop();
    }
  });
}
