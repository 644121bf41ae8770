import assert from "node:assert/strict";
import { join } from "node:path";
import { type CreatedAgent, FleetClient } from "../../_support/client.ts";
import { startServerProcess, withFolder } from "../../_support/server.ts";
import { accepts, greets, refuses, startFaultServer } from "../../_support/fault_server.ts";
import {
  credentialsPath,
  identify,
  makeAgent,
  type Run,
  run,
  type RunOptions,
  sessionPath,
  start,
} from "../../_support/program.ts";

const agentId = "0c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
const secret = "ocs_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8_OS0B5A";
const nowhere = closedPort();
const agentCommands = ["monitor --once", "handshake", "heartbeat", "status", "doctor"];
const allCommands = [
  "service",
  "service install",
  "service uninstall",
  "service status",
  "service logs",
  "keys",
  "keys generate",
  "installer",
  "serve",
  "completions",
  "monitor",
  "handshake",
  "heartbeat",
  "status",
  "doctor",
  "configure",
  "logout",
  "version",
];
const unix = Deno.build.os !== "windows";

function words(command: string): string[] {
  return command.split(" ");
}

/** A port that was free a moment ago. Not one of those that the runtime itself refuses to ask, like 9. */
function closedPort(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return `http://127.0.0.1:${listener.addr.port}`;
}

/** A refusal: its code, nothing on stdout, a hint. */
function assertRefused({ code, stdout, stderr }: Run, expected: number, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, /^hint: /m);
}

async function inHome(work: (home: string) => Promise<void>): Promise<void> {
  await withFolder(work);
}

async function storeCredentials(home: string, url: string, { id, secret }: CreatedAgent): Promise<void> {
  const { code, stderr } = await run(
    ["configure", "--url", url, "--agent-id", id, "--agent-secret-file", "-"],
    { home, stdin: `${secret}\n` },
  );
  assert.equal(code, 0, stderr);
}

for (const command of allCommands) {
  Deno.test(`openclaw ${command} --help shows an example, on stdout`, () =>
    inHome(async (home) => {
      const { code, stdout, stderr } = await run([...words(command), "--help"], { home });
      assert.equal(code, 0);
      assert.match(stdout, /Examples?:\n {2}/);
      assert.equal(stderr, "");
    }));

  Deno.test(`openclaw ${command} with an unknown flag → usage, and nothing is done`, () =>
    inHome(async (home) => {
      assertRefused(
        await run([...words(command), "--agent-sceret"], { home }),
        2,
        /unknown option '--agent-sceret'/,
      );
      const left: string[] = [];
      for await (const { name } of Deno.readDir(home)) left.push(name);
      assert.deepEqual(left, []);
    }));
}

Deno.test("openclaw without a command or with one that is none → usage", () =>
  inHome(async (home) => {
    assert.equal((await run([], { home })).code, 2);
    assertRefused(await run(["moniter"], { home }), 2, /unknown command 'moniter'/);
  }));

Deno.test("help for a command that is none → usage; for a command's own command, its help", () =>
  inHome(async (home) => {
    for (const args of [["help", "moniter"], ["moniter", "--help"], ["help", "service", "moniter"]]) {
      assertRefused(
        await run(args, { home }),
        2,
        /^error: unknown command 'moniter'\nhint: openclaw .*--help\n$/,
      );
    }
    const helps = [["help", "service", "install"], ["service", "install", "--help"], [
      "service",
      "install",
      "-h",
    ]];
    for (const args of helps) {
      const { code, stdout, stderr } = await run(args, { home });
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, /^Usage: openclaw service install /);
    }
    assert.match((await run(["help"], { home })).stdout, /^Usage: openclaw \[options\] \[command\]/);
  }));

Deno.test("openclaw --version and openclaw version tell the version of deno.json", () =>
  inHome(async (home) => {
    const { version } = JSON.parse(await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)));
    assert.equal((await run(["--version"], { home })).stdout.trim(), version);
    assert.equal((await run(["version"], { home })).stdout.trim(), version);
    assert.equal(JSON.parse((await run(["version", "--json"], { home })).stdout).version, version);
  }));

Deno.test("openclaw --json with a wrong flag → one error object on stderr, nothing on stdout", () =>
  inHome(async (home) => {
    const { code, stdout, stderr } = await run(["status", "--json", "--nope"], { home });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.deepEqual(Object.keys(JSON.parse(stderr)), ["error", "message", "hint", "exit_code"]);
    assert.equal(JSON.parse(stderr).error, "usage");
  }));

const badIdentities: {
  name: string;
  args?: string[];
  env?: Record<string, string>;
  code: number;
  says: RegExp;
}[] = [
  {
    name: "nothing that names an agent",
    code: 2,
    says: /no flags, no environment and no ".*credentials.json"/,
  },
  {
    name: "an id without a secret",
    args: ["--agent-id", agentId],
    code: 2,
    says: /--agent-secret-file is missing/,
  },
  {
    name: "a secret without an id",
    args: ["--agent-secret", secret],
    code: 2,
    says: /--agent-id is missing/,
  },
  {
    name: "an id from a flag and a secret from the environment",
    args: ["--agent-id", agentId],
    env: { OPENCLAW_AGENT_SECRET: secret },
    code: 2,
    says: /--agent-secret-file is missing/,
  },
  {
    name: "half an environment",
    env: { OPENCLAW_AGENT_ID: agentId },
    code: 2,
    says: /OPENCLAW_AGENT_SECRET_FILE is missing/,
  },
  {
    name: "two secrets",
    args: ["--agent-id", agentId, "--agent-secret", secret, "--agent-secret-file", "x"],
    code: 2,
    says: /both/,
  },
  {
    name: "two secrets in the environment",
    env: { OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: secret, OPENCLAW_AGENT_SECRET_FILE: "x" },
    code: 2,
    says: /both[^]*hint: unset OPENCLAW_AGENT_SECRET\n/,
  },
  {
    name: "id and secret in each other's place",
    args: ["--agent-id", secret, "--agent-secret", agentId],
    code: 2,
    says: /"ocs_…": it is not a UUID/,
  },
  {
    name: "id and secret in each other's variable",
    env: { OPENCLAW_AGENT_ID: secret, OPENCLAW_AGENT_SECRET: agentId },
    code: 2,
    says: /"ocs_…": it is not a UUID/,
  },
  {
    name: "a mistyped flag with the secret",
    args: ["--agent-id", agentId, `--agent-sceret=${secret}`],
    code: 2,
    says: /unknown option '--agent-sceret=ocs_…'/,
  },
  { name: "the secret as a word of its own", args: [secret], code: 2, says: /too many arguments/ },
  {
    name: "the secret as a URL",
    args: ["--agent-id", agentId, "--agent-secret", secret, "--url", secret],
    code: 2,
    says: /the URL "ocs_…" of --url/,
  },
  {
    name: "the secret as a file with the secret",
    args: ["--agent-id", agentId, "--agent-secret-file", secret],
    code: 4,
    says: /from "ocs_…": there is no such file/,
  },
  {
    name: "an id that is no UUID",
    args: ["--agent-id", "7", "--agent-secret", secret],
    code: 2,
    says: /"7": it is not a UUID/,
  },
  {
    name: "a cut secret",
    args: ["--agent-id", agentId, "--agent-secret", secret.slice(0, 50)],
    code: 3,
    says: /it has 50 characters, a secret has 54/,
  },
  {
    name: "a mistyped secret",
    args: ["--agent-id", agentId, "--agent-secret", secret.replace("CAwQ", "CAwR")],
    code: 3,
    says: /its checksum does not fit/,
  },
  {
    name: "a secret file that is not there",
    args: ["--agent-id", agentId, "--agent-secret-file", "/nowhere/secret"],
    code: 4,
    says: /there is no such file/,
  },
  {
    name: "http to another host",
    args: ["--agent-id", agentId, "--agent-secret", secret, "--url", "http://fleet.example"],
    code: 2,
    says: /http is not encrypted, https is wanted/,
  },
  {
    name: "a URL that is none",
    args: ["--agent-id", agentId, "--agent-secret", secret, "--url", "fleet"],
    code: 2,
    says: /the URL "fleet" of --url: an address like https/,
  },
  {
    name: "a URL in the environment that is none",
    env: { OPENCLAW_URL: "fleet", OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: secret },
    code: 2,
    says: /the URL "fleet" of OPENCLAW_URL: an address like https/,
  },
  {
    name: "a certificate file without a certificate",
    args: ["--agent-id", agentId, "--agent-secret", secret, "--ca-file", "/etc/hostname"],
    code: 2,
    says: /there is none in PEM|Cannot read the certificates/,
  },
];

Deno.test("openclaw monitor with a page to probe that is none → usage, and nothing is written", () =>
  inHome(async (home) => {
    const env = identify({ id: agentId, secret }, nowhere);
    const result = await run(["monitor", "--probe-url", "health"], { home, env });
    assertRefused(result, 2, /the URL "health" of --probe-url/);
    assert.equal(await exists(join(sessionPath(home), "..")), false);
  }));

Deno.test("openclaw with the secret in the place of a command → usage, and it is not repeated", () =>
  inHome(async (home) => {
    for (const args of [[secret], ["handshake", `--agent-sceret=${secret}`, "--json"]]) {
      const { code, stdout, stderr } = await run(args, { home });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /ocs_…/);
      assert.ok(!stderr.includes(secret.slice(4, 20)), stderr);
    }
  }));

for (const { name, args = [], env = {}, code, says } of badIdentities) {
  Deno.test(`openclaw handshake with ${name} → exit code ${code}, nothing is sent, the secret is not repeated`, () =>
    inHome(async (home) => {
      const result = await run(["handshake", ...args], { home, env });
      assertRefused(result, code, says);
      assert.ok(!result.stderr.includes(secret.slice(10, 40)));
    }));
}

for (const command of agentCommands) {
  Deno.test(`openclaw ${command} against a port where nobody listens → unreachable`, () =>
    inHome(async (home) => {
      const { code, stderr } = await run(words(command), {
        home,
        env: identify({ id: agentId, secret }, nowhere),
      });
      assert.equal(code, 6, stderr);
    }));

  Deno.test(`openclaw ${command} with a revoked agent's credentials → refused`, () =>
    inHome(async (home) => {
      const server = startFaultServer(({ path }) =>
        path.endsWith("/health")
          ? { status: 200, body: '{"ok":true,"version":"1","database":"ok"}' }
          : refuses("invalid_credentials")
      );
      try {
        const { code, stderr } = await run(words(command), {
          home,
          env: identify({ id: agentId, secret }, server.url),
        });
        assert.equal(code, 3, stderr);
        assert.equal(server.caught.filter(({ path }) => path.endsWith("/heartbeat")).length, 0);
      } finally {
        server.close();
      }
    }));

  Deno.test(`openclaw ${command} against a web server that is not ours → unreachable, and it says so`, () =>
    inHome(async (home) => {
      const server = startFaultServer(() => ({ status: 200, body: "<html>Welcome</html>" }));
      try {
        const result = await run(words(command), {
          home,
          env: identify({ id: agentId, secret }, server.url),
        });
        assert.equal(result.code, 6, result.stderr);
        assert.match(result.stderr + result.stdout, /not the service's JSON/);
      } finally {
        server.close();
      }
    }));
}

Deno.test("a redirect is not followed: the secret goes to one host alone", () =>
  inHome(async (home) => {
    const other = startFaultServer(() => greets());
    const server = startFaultServer(() => ({ status: 307, body: "", headers: { location: other.url } }));
    try {
      const result = await run(["handshake"], { home, env: identify({ id: agentId, secret }, server.url) });
      assertRefused(result, 6, /redirects \(307\)/);
      assert.equal(other.caught.length, 0);
    } finally {
      server.close();
      other.close();
    }
  }));

Deno.test("what a server says cannot paint the terminal", () =>
  inHome(async (home) => {
    const server = startFaultServer(() =>
      greets({ agent: { id: agentId, name: "\u001b[31mred\u001b]0;title\u0007\u202e" } })
    );
    try {
      const { stdout } = await run(["handshake"], {
        home,
        env: identify({ id: agentId, secret }, server.url),
      });
      // deno-lint-ignore no-control-regex -- the control characters are what must not be there
      assert.doesNotMatch(stdout, /[\u001b\u0007\u202e]/);
      assert.match(stdout, /red/);
    } finally {
      server.close();
    }
  }));

Deno.test("openclaw configure writes the file byte for byte as promised, 0600 in a 0700 folder", () =>
  inHome(async (home) => {
    await storeCredentials(home, "https://fleet.example.com/functions/v1/", {
      id: agentId.toUpperCase(),
      secret,
    });
    const path = credentialsPath(home);
    assert.equal(
      await Deno.readTextFile(path),
      `{\n  "version": 1,\n  "url": "https://fleet.example.com",\n  "agent_id": "${agentId}",\n  "agent_secret": "${secret}"\n}\n`,
    );
    if (unix) {
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
      assert.equal(((await Deno.stat(join(path, ".."))).mode ?? 0) & 0o777, 0o700);
    }
  }));

Deno.test("openclaw configure without a terminal and without all it needs → usage, and no file", () =>
  inHome(async (home) => {
    assertRefused(await run(["configure"], { home }), 2, /--url is missing, and there is no terminal/);
    assertRefused(
      await run(["configure", "--url", nowhere, "--agent-id", agentId], {
        home,
        env: { OPENCLAW_AGENT_SECRET: secret },
      }),
      2,
      /--agent-secret-file is missing/,
    );
    assert.equal(await exists(credentialsPath(home)), false);
  }));

Deno.test("openclaw configure takes no --ca-file, which it would not keep → usage, and no file", () =>
  withFolder(async (home) => {
    const args = ["configure", "--url", nowhere, "--agent-id", agentId, "--agent-secret-file", "-"];
    const result = await run([...args, "--ca-file", "ca.pem"], { home, stdin: secret });
    assertRefused(result, 2, /unknown option '--ca-file'/);
    await assert.rejects(Deno.stat(credentialsPath(home)), Deno.errors.NotFound);
  }));

Deno.test("openclaw configure for plain http to another host names what it takes to use it", () =>
  withFolder(async (home) => {
    const args = [
      "configure",
      "--url",
      "http://fleet.example",
      "--agent-id",
      agentId,
      "--agent-secret-file",
      "-",
    ];
    const { code, stderr } = await run([...args, "--insecure-http"], { home, stdin: secret });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /try it with: openclaw handshake --insecure-http$/m);
  }));

Deno.test("openclaw configure with a secret that cannot be right leaves the old file as it was", () =>
  inHome(async (home) => {
    await storeCredentials(home, nowhere, { id: agentId, secret });
    const before = await Deno.readTextFile(credentialsPath(home));
    const args = ["configure", "--url", nowhere, "--agent-id", agentId, "--agent-secret-file", "-"];
    assertRefused(await run(args, { home, stdin: "ocs_short" }), 3, /Cannot use the agent secret/);
    assert.equal(await Deno.readTextFile(credentialsPath(home)), before);
  }));

Deno.test("openclaw logout removes the file, and says so when there is none", () =>
  inHome(async (home) => {
    await storeCredentials(home, nowhere, { id: agentId, secret });
    assert.deepEqual(JSON.parse((await run(["logout", "--json"], { home })).stdout), {
      removed: [credentialsPath(home)],
    });
    assert.equal(await exists(credentialsPath(home)), false);
    assert.match((await run(["logout"], { home })).stderr, /nothing to remove/);
  }));

Deno.test({
  name: "a credentials file that others may read is refused with the command that mends it",
  ignore: !unix,
  fn: () =>
    inHome(async (home) => {
      await storeCredentials(home, nowhere, { id: agentId, secret });
      const path = credentialsPath(home);
      for (const mode of [0o640, 0o604, 0o610, 0o660]) {
        await Deno.chmod(path, mode);
        const result = await run(["handshake"], { home });
        assertRefused(result, 3, new RegExp(`its mode is 0${mode.toString(8)}`));
        assert.ok(result.stderr.includes(`hint: chmod 600 '${path}'`));
      }
      await Deno.chmod(path, 0o600);
      assert.equal((await run(["handshake"], { home })).code, 6);
    }),
});

Deno.test({
  name: "a credentials file in a folder that others may write is refused with the command that mends it",
  ignore: !unix,
  fn: () =>
    inHome(async (home) => {
      await storeCredentials(home, nowhere, { id: agentId, secret });
      const folder = join(credentialsPath(home), "..");
      for (const mode of [0o770, 0o707, 0o777]) {
        await Deno.chmod(folder, mode);
        const result = await run(["handshake"], { home });
        assertRefused(result, 3, new RegExp(`the mode of its folder is 0${mode.toString(8)}`));
        assert.ok(result.stderr.includes(`hint: chmod 700 '${folder}'`));
      }
      await Deno.chmod(folder, 0o755);
      assert.equal((await run(["handshake"], { home })).code, 6);
    }),
});

Deno.test({
  name: "a credentials file that is refused does not send the secret of the flags to the default server",
  ignore: !unix,
  fn: () =>
    inHome(async (home) => {
      await storeCredentials(home, "https://fleet.example.com", { id: agentId, secret });
      await Deno.chmod(credentialsPath(home), 0o644);
      const flags = ["handshake", "--agent-id", agentId, "--agent-secret", secret];
      assertRefused(
        await run(flags, { home }),
        3,
        /its mode is 0644.*it names the server where --url does not/,
      );
      const { code, stderr } = await run([...flags, "--url", nowhere], { home });
      assert.equal(code, 6, stderr);
      assert.doesNotMatch(stderr, /mode/);
    }),
});

Deno.test("a folder that systemd brings credentials in is used, and that others may read them earns a warning", () =>
  inHome(async (home) => {
    const server = startFaultServer(() => greets());
    try {
      await storeCredentials(home, server.url, { id: agentId, secret });
      const folder = join(home, "credentials");
      await Deno.mkdir(folder);
      await Deno.rename(credentialsPath(home), join(folder, "credentials.json"));
      const options = { home, env: { CREDENTIALS_DIRECTORY: folder } };
      const closed = await run(["handshake"], options);
      assert.equal(closed.code, 0, closed.stderr);
      assert.equal(closed.stderr, "");
      if (!unix) return;
      await Deno.chmod(join(folder, "credentials.json"), 0o644);
      const open = await run(["handshake"], options);
      assert.equal(open.code, 0, open.stderr);
      assert.match(
        open.stderr,
        /^warning: the credentials file .* is open to others: its mode is 0644[^\n]*\n$/,
      );
    } finally {
      server.close();
    }
  }));

Deno.test({
  name: "a credentials file of another user is refused",
  ignore: !unix || Deno.uid() !== 0,
  fn: () =>
    inHome(async (home) => {
      await storeCredentials(home, nowhere, { id: agentId, secret });
      await Deno.chown(credentialsPath(home), 12_345, 12_345);
      assertRefused(await run(["handshake"], { home }), 3, /it belongs to user 12345/);
    }),
});

const brokenFiles: [string, string, RegExp][] = [
  ["half a file", '{ "version": 1, "url": "ht', /it is no JSON object/],
  ["an array", "[]", /it is no JSON object/],
  ["a file of the future", '{ "version": 2 }', /"version" is not 1/],
  [
    "no secret",
    `{ "version": 1, "url": "${nowhere}", "agent_id": "${agentId}" }`,
    /"agent_secret" cannot be right/,
  ],
  ["no file but a folder", "", /Cannot read the credentials file/],
];

for (const [name, text, says] of brokenFiles) {
  Deno.test(`a credentials file that is ${name} is refused`, () =>
    inHome(async (home) => {
      const path = credentialsPath(home);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      if (text === "") await Deno.mkdir(path);
      else await Deno.writeTextFile(path, text, { mode: 0o600 });
      assertRefused(await run(["handshake"], { home }), 3, says);
    }));
}

Deno.test("a secret file that others may read earns one warning, and is used", () =>
  inHome(async (home) => {
    const server = startFaultServer(() => greets());
    try {
      const path = join(home, "secret");
      await Deno.writeTextFile(path, `${secret}\n`, { mode: 0o644 });
      const args = ["handshake", "--url", server.url, "--agent-id", agentId, "--agent-secret-file", path];
      const { code, stderr } = await run(args, { home });
      assert.equal(code, 0, stderr);
      if (unix) assert.equal(stderr.split("\n").length, 2, stderr);
      if (unix) assert.match(stderr, /^warning: the secret's file .* is open to others/);
    } finally {
      server.close();
    }
  }));

Deno.test("a secret from a flag is used, and earns one warning that names the safer way", () =>
  inHome(async (home) => {
    const server = startFaultServer(() => greets());
    try {
      const args = ["handshake", "--url", server.url, `--agent-id=${agentId}`, `--agent-secret=${secret}`];
      const { code, stderr } = await run(args, { home });
      assert.equal(code, 0, stderr);
      assert.match(
        stderr,
        /^warning: --agent-secret can be read by everybody .*--agent-secret-file[^\n]*\n$/,
      );
    } finally {
      server.close();
    }
  }));

Deno.test("flags beat the environment, the environment beats the file", () =>
  inHome(async (home) => {
    const asked: string[] = [];
    const server = startFaultServer(({ body }) => {
      asked.push(JSON.parse(body).agent_id);
      return greets();
    });
    try {
      const other = "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
      const third = "2c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11";
      await storeCredentials(home, server.url, { id: agentId, secret });
      const env = { OPENCLAW_AGENT_ID: other, OPENCLAW_AGENT_SECRET: secret };
      await run(["handshake"], { home });
      await run(["handshake"], { home, env });
      await run(["handshake", "--agent-id", third, "--agent-secret", secret], { home, env });
      assert.deepEqual(asked, [agentId, other, third]);
      const elsewhere = await run(["handshake"], { home, env: { OPENCLAW_URL: nowhere } });
      assert.equal(elsewhere.code, 6, "OPENCLAW_URL beats the file");
      const back = await run(["handshake", "--url", server.url], { home, env: { OPENCLAW_URL: nowhere } });
      assert.equal(back.code, 0, "--url beats OPENCLAW_URL");
    } finally {
      server.close();
    }
  }));

Deno.test("openclaw doctor tells a clock that is 17 minutes off, which way, and how to mend it", () =>
  inHome(async (home) => {
    const behind = 17 * 60_000;
    for (const [offset, says] of [[behind, /behind the server/], [-behind, /ahead of the server/]] as const) {
      const server = startFaultServer(({ path }) => {
        if (path.endsWith("/health")) {
          return { status: 200, body: '{"ok":true,"version":"1","database":"ok"}' };
        }
        const server_time = new Date(Date.now() + offset).toISOString();
        if (path.endsWith("/handshake")) return greets({ server_time });
        const agent = {
          id: agentId,
          name: "edge 1",
          liveness: "online",
          last_seen_at: server_time,
          heartbeat_interval_seconds: 60,
        };
        return { status: 200, body: JSON.stringify({ agent, server_time }) };
      });
      try {
        const { code, stdout } = await run(["doctor"], {
          home,
          env: identify({ id: agentId, secret }, server.url),
        });
        assert.equal(code, 1);
        assert.match(stdout, /FAIL {2}clock +this host is 17 min/);
        assert.match(stdout, says);
        if (Deno.build.os === "linux") assert.match(stdout, /hint: sudo timedatectl set-ntp true/);
        assert.match(stdout, /pass {2}handshake/);
        assert.match(stdout, /pass {2}heartbeat/);
      } finally {
        server.close();
      }
    }
  }));

Deno.test("openclaw doctor --json is one object whatever is wrong", () =>
  inHome(async (home) => {
    const { code, stdout, stderr } = await run(["doctor", "--json", "--url", "https://nowhere.invalid"], {
      home,
    });
    assert.equal(code, 2, "the first that fails decides: there are no credentials");
    assert.equal(stderr, "");
    const { ok, checks } = JSON.parse(stdout);
    assert.equal(ok, false);
    const names = checks.filter((check: { ok: boolean | null }) => check.ok === false)
      .map((check: { name: string }) => check.name);
    assert.deepEqual(names, ["credentials", "dns"]);
  }));

Deno.test("a session file that is broken, foreign, from the future or of another version is ignored with one line", () =>
  inHome(async (home) => {
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    const options: RunOptions = { home, env: identify({ id: agentId, secret }, server.url) };
    try {
      await run(["heartbeat"], options);
      const path = sessionPath(home);
      const good = JSON.parse(await Deno.readTextFile(path));
      assert.equal(count(server.caught, "/handshake"), 1);
      assert.equal((await run(["heartbeat"], options)).stderr.match(/^warning/gm), null);
      assert.equal(count(server.caught, "/handshake"), 1, "a good session is used again");
      const texts = [
        "{",
        JSON.stringify({ ...good, version: 2 }),
        JSON.stringify({ ...good, owner: "sha256:0" }),
        JSON.stringify({ ...good, received_at: new Date(Date.now() + 3_600_000).toISOString() }),
        JSON.stringify({ ...good, token: 7 }),
        JSON.stringify({ ...good, token: "no token\nof ours" }),
      ];
      for (const [index, text] of texts.entries()) {
        await Deno.writeTextFile(path, text);
        const { code, stderr } = await run(["heartbeat"], options);
        assert.equal(code, 0, stderr);
        assert.equal(stderr.match(/^warning: the session in .* is not used/gm)?.length, 1, stderr);
        assert.equal(count(server.caught, "/handshake"), 2 + index);
      }
      const old = new Date(Date.now() - 800_000).toISOString();
      await Deno.writeTextFile(path, JSON.stringify({ ...good, received_at: old }));
      assert.equal(
        (await run(["heartbeat"], options)).stderr.match(/^warning/gm),
        null,
        "an old one is no fault",
      );
      assert.equal(count(server.caught, "/handshake"), 2 + texts.length);
    } finally {
      server.close();
    }
  }));

Deno.test({
  name: "where nothing can be written, a heartbeat goes out all the same, with one line",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inHome(async (home) => {
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
      try {
        // A file where the folder should be: root may write everywhere else.
        await Deno.writeTextFile(join(home, "state"), "");
        const env = { ...identify({ id: agentId, secret }, server.url), XDG_STATE_HOME: join(home, "state") };
        const { code, stderr } = await run(["heartbeat"], { home, env });
        assert.equal(code, 0, stderr);
        assert.equal(stderr.match(/^warning: the session cannot be/gm)?.length, 1, stderr);
      } finally {
        server.close();
      }
    }),
});

for (
  const [name, message, says] of [
    ["more than 500 characters", "x".repeat(501), /It has 501 characters, at most 500/],
    ["a control character", "half\u001b[31m", /There is a control character in it/],
  ] as const
) {
  Deno.test(`openclaw heartbeat with a message of ${name} → usage, and nothing is sent`, () =>
    inHome(async (home) => {
      const server = startFaultServer(() => greets());
      try {
        const env = identify({ id: agentId, secret }, server.url);
        assertRefused(await run(["heartbeat", "--message", message], { home, env }), 2, says);
        assert.equal(server.caught.length, 0);
      } finally {
        server.close();
      }
    }));
}

Deno.test("openclaw heartbeat --status stopping → usage, and nothing is sent: monitor alone says goodbye", () =>
  inHome(async (home) => {
    const server = startFaultServer(() => greets());
    try {
      const env = identify({ id: agentId, secret }, server.url);
      const result = await run(["heartbeat", "--status", "stopping"], { home, env });
      assertRefused(result, 2, /'stopping' is invalid.*healthy, degraded, unhealthy/);
      assert.equal(server.caught.length, 0);
    } finally {
      server.close();
    }
  }));

for (
  const [name, args, stdout, stderr] of [
    ["with --quiet says nothing", ["--quiet"], "", ""],
    [
      "says when the next beat is due, on stderr",
      [],
      "",
      "the beat was accepted, the next one is due in 7 s\n",
    ],
    ...[["--json"], ["--json", "--quiet"]].map((args) =>
      [
        `with ${args.join(" ")} prints what the server promised, and nothing else`,
        args,
        '{"ok":true,"next_heartbeat_in":7,"heartbeat_interval_seconds":2}\n',
        "",
      ] as const
    ),
  ] as const
) {
  Deno.test(`openclaw heartbeat ${name}`, () =>
    inHome(async (home) => {
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts(7));
      try {
        const env = identify({ id: agentId, secret }, server.url);
        assert.deepEqual(await run(["heartbeat", ...args], { home, env }), { code: 0, stdout, stderr });
        assert.equal(count(server.caught, "/heartbeat"), 1);
      } finally {
        server.close();
      }
    }));
}

Deno.test("openclaw heartbeat --quiet that is not accepted says why", () =>
  inHome(async (home) => {
    const server = startFaultServer(() => refuses("invalid_credentials"));
    try {
      const env = identify({ id: agentId, secret }, server.url);
      assertRefused(await run(["heartbeat", "--quiet"], { home, env }), 3, /invalid_credentials/);
    } finally {
      server.close();
    }
  }));

Deno.test("openclaw monitor --quiet says nothing of a life without a fault", () =>
  inHome(async (home) => {
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    try {
      const env = identify(makeAgent(), server.url);
      const monitor = start(["monitor", "--quiet"], { home, env });
      await server.until(4);
      monitor.kill("SIGTERM");
      const { stdout, stderr } = await monitor.ended;
      assert.deepEqual([stdout, stderr], ["", ""]);
      assert.ok(count(server.caught, "/heartbeat") >= 3);
    } finally {
      server.close();
    }
  }));

Deno.test("openclaw monitor --quiet says what is wrong", () =>
  inHome(async (home) => {
    const env = identify({ id: agentId, secret }, nowhere);
    const { code, stdout, stderr } = await run(["monitor", "--once", "--quiet"], { home, env });
    assert.deepEqual([code, stdout], [6, ""]);
    assert.match(stderr, / warn {2}the server cannot be had: /);
    assert.doesNotMatch(stderr, / info | debug /);
  }));

Deno.test("where no layer names a server it is this host's own, at the port of openclaw serve", () =>
  inHome(async (home) => {
    const env = { OPENCLAW_AGENT_ID: agentId, OPENCLAW_AGENT_SECRET: secret };
    const status = await run(["status", "--json"], { home, env });
    assert.equal(JSON.parse(status.stdout).url, "http://127.0.0.1:54321");
    const { checks } = JSON.parse((await run(["doctor", "--json"], { home, env })).stdout);
    const told = checks.map(({ name, detail }: Record<string, string>) => `${name}: ${detail}`).join("\n");
    assert.match(told, /^dns: 127\.0\.0\.1 is an address/m);
    // Whether somebody listens there is this host's business.
    assert.match(told, /^tcp: port 54321 /m);
  }));

Deno.test("openclaw heartbeat with a message of 500 characters, an emoji each, and of two lines sends them", () =>
  inHome(async (home) => {
    const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
    try {
      const env = identify({ id: agentId, secret }, server.url);
      for (const message of ["🦞".repeat(500), "one\ntwo"]) {
        const { code, stderr } = await run(["heartbeat", "--message", message], { home, env });
        assert.equal(code, 0, stderr);
        assert.equal(JSON.parse(server.caught.at(-1)?.body ?? "").message, message);
      }
    } finally {
      server.close();
    }
  }));

Deno.test({
  name: "what root's monitor writes in a service's folder belongs to the folder's owner",
  ignore: !unix || Deno.uid() !== 0,
  fn: () =>
    inHome(async (home) => {
      const server = startFaultServer(({ path }) => path.endsWith("/handshake") ? greets() : accepts());
      try {
        const state = join(home, "state");
        await Deno.mkdir(state, { mode: 0o700 });
        await Deno.chown(state, 12_345, 12_345);
        const agent = makeAgent();
        const env = { ...identify(agent, server.url), STATE_DIRECTORY: state };
        const monitor = start(["monitor", "--json"], { home, env });
        await monitor.until("heartbeat");
        monitor.kill("SIGTERM");
        assert.equal((await monitor.ended).code, 0);
        const owners: Record<string, number | null> = {};
        for await (const { name } of Deno.readDir(state)) {
          owners[name] = (await Deno.stat(join(state, name))).uid;
        }
        assert.deepEqual(owners, { [`monitor-${agent.id}.lock`]: 12_345, "session.json": 12_345 });
      } finally {
        server.close();
      }
    }),
});

Deno.test("two agents with one state folder: a beat of the one is no beat of the other's session", () =>
  inHome(async (home) => {
    const server = startFaultServer(({ path }) =>
      path.endsWith("/handshake") ? greets({ agent: { id: agentId, name: "other" } }) : accepts()
    );
    try {
      const env = identify(makeAgent(), server.url);
      const monitor = start(["monitor", "--json"], { home, env });
      await monitor.until("heartbeat");
      const other = { ...env, OPENCLAW_AGENT_ID: "1c5f8a4e-6a5c-4d8f-9a39-6f2f8f0f4b11" };
      assert.equal((await run(["heartbeat"], { home, env: other })).code, 0);
      const before = (await Deno.stat(sessionPath(home))).mtime;
      await monitor.until("heartbeat", monitor.events().length + 2);
      assert.deepEqual((await Deno.stat(sessionPath(home))).mtime, before);
      monitor.kill("SIGTERM");
      await monitor.ended;
    } finally {
      server.close();
    }
  }));

Deno.test("every command against the real server, as one story", () =>
  withFolder(async (data) => {
    const server = await startServerProcess({ data });
    try {
      const client = new FleetClient(server.base, server.operatorKey);
      const agent = await client.createAgent({ name: "story", heartbeat_interval_seconds: 60 });
      await inHome(async (home) => {
        await storeCredentials(home, server.url, agent);
        const before = await run(["status", "--json"], { home });
        assert.equal(before.code, 1, "it has never beaten");
        assert.equal(JSON.parse(before.stdout).liveness, "pending");

        const shaken = JSON.parse((await run(["handshake", "--json"], { home })).stdout);
        assert.deepEqual(shaken.agent, { id: agent.id, name: "story" });
        assert.equal(shaken.expires_in, 900);
        assert.equal(typeof shaken.kid, "string");
        assert.equal("token" in shaken, false);
        const { stdout: token } = await run(["handshake", "--print-token"], { home });
        assert.equal((await client.beat(token.trim())).status, 200);

        const beat = await run(["heartbeat", "--status", "degraded", "--message", "half the disks"], {
          home,
        });
        assert.equal(beat.code, 0, beat.stderr);
        const row = await client.agent(agent.id);
        assert.deepEqual([row.status, row.message, row.liveness], ["degraded", "half the disks", "online"]);

        const after = await run(["status"], { home });
        assert.equal(after.code, 0, after.stdout + after.stderr);
        assert.match(after.stdout, /^liveness {2}online$/m);
        assert.equal((await run(["doctor"], { home })).code, 0);

        const once = await run(["monitor", "--once", "--json"], { home });
        assert.equal(once.code, 0, once.stderr);
        assert.ok(once.stdout.includes('"event":"heartbeat"'));

        await client.revoke(agent.id);
        assert.equal((await run(["handshake"], { home })).code, 3);
        const refused = await run(["status"], { home });
        assert.equal(refused.code, 3, refused.stderr);
      });
    } finally {
      await server.stop();
    }
  }));

function count(caught: { path: string }[], path: string): number {
  return caught.filter((one) => one.path.endsWith(path)).length;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
