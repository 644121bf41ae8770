import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { lookCases, startStage } from "../_support/gateway_cases.ts";
import {
  assertEnded,
  type Finished,
  Host,
  type Language,
  powershell,
  python,
  run,
  sh,
} from "../_support/installers.ts";
import { powershellEnvironment, PowerShellSession } from "../_support/powershell.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { refusal, type Seen, withFake } from "./_agents.ts";
import { credentialsText } from "./_scene.ts";

const languages = [sh, python, powershell];

type Ask = (args: string[], env?: Record<string, string>) => Promise<Finished>;

/** `ask` asks in the session, if there is one, `askAlone` always in a process of its own. */
type Work = (host: Host, ask: Ask, askAlone: Ask) => Promise<void>;

/** A host with the agent's source as its program. */
async function withAgent(language: Language, session: PowerShellSession | null, work: Work): Promise<void> {
  await using folder = await temporaryFolder();
  const host = new Host(language, folder.path);
  for (const file of [host.program, host.credentials]) await Deno.mkdir(dirname(file), { recursive: true });
  const source = new URL(`../../installers/agents/agent.${language.extension}`, import.meta.url);
  await Deno.copyFile(source, host.program);
  await Deno.chmod(host.program, 0o755);
  const env = { HOME: host.home, PATH: Deno.env.get("PATH") ?? "" };
  const surroundings = language === powershell ? powershellEnvironment(folder.path) : {};
  const askAlone: Ask = (args, more = {}) =>
    run([...language.command, host.program, ...args], { env: { ...env, ...surroundings, ...more } });
  // By this name, it does not start as a program of its own.
  const file = join(host.home, "agent.ps1");
  await Deno.copyFile(host.program, file);
  const ask: Ask = (args, more = {}) =>
    session?.run({ file, args, env: { ...env, ...more } }) ?? askAlone(args, more);
  await work(host, ask, askAlone);
}

/** A service that answers as `answer` says, else well; and the bodies and paths that it saw. */
async function withService(
  host: Host,
  work: (seen: Seen[], answerWith: (answer: (one: Seen) => Response | null) => void) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  let answer: (one: Seen) => Response | null = () => null;
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    async (request) => {
      const text = await request.text();
      const path = `${request.method} ${new URL(request.url).pathname.replace("/functions/v1/", "")}`;
      const one = { at: 0, path, body: text === "" ? {} : JSON.parse(text), token: null };
      seen.push(one);
      return answer(one) ?? wellAsked(path);
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  await Deno.writeTextFile(host.credentials, credentialsText({ id: agentId, secret: agentSecret }, url));
  await work(seen, (given) => void (answer = given));
}

function wellAsked(path: string, liveness = "online"): Response {
  if (path === "POST heartbeat") return Response.json({ ok: true, next_heartbeat_in: 5 });
  if (path === "GET heartbeat") {
    return Response.json({ agent: { id: agentId, liveness, last_seen_at: "2026-11-23T12:00:00Z" } });
  }
  return Response.json({
    token: "a.b.c",
    refresh_in: 700,
    heartbeat_interval_seconds: 5,
    next_heartbeat_in: 0,
    agent: { id: agentId, name: "edge 1" },
  });
}

const usages: [args: string[], code: number, says: RegExp, env?: Record<string, string>][] = [
  [[], 2, /^error: Cannot run: this agent has the commands "monitor" and "status" only$/m],
  [["heartbeat"], 2, /^hint: openclaw-agent --help$/m],
  [["--agent-id=x"], 2, /Cannot run/],
  [["monitor", "--one"], 2, /unknown option "--one"/],
  [["monitor", "x"], 2, /unknown option "x"/],
  [["monitor", "--once=1"], 2, /unknown option "--once=1"/],
  [["monitor", "--status-command", "true"], 2, /unknown option "--status-command"/],
  [["monitor", "--log-file"], 2, /"--log-file" lacks its value/],
  [["monitor", "--watch="], 2, /Cannot read the options/],
  [["monitor", "--watch", "gateway"], 2, /Cannot watch "gateway"/],
  [["monitor", "--watch", "openclaw:65536"], 2, /Cannot watch "openclaw:65536"/],
  [["monitor", "--probe-url", "ftp://host/"], 2, /Cannot use the address of --probe-url/],
  [["monitor", "--probe-url", "http://me:word@host/"], 2, /Cannot use the address of --probe-url/],
  [["monitor", "--probe-url", 'http://host/"'], 2, /Cannot use the address of --probe-url/],
  [["status", "--once"], 2, /unknown option "--once"/],
  [["--help"], 0, /^Usage: openclaw-agent monitor \[options\]$/m],
  [["monitor", "--help"], 0, /^ {2}--watch <program> /m],
  [["--version"], 0, /^\d+\.\d+\.\d+$/m],
];

const soon = { OPENCLAW_BACK_IN: "soon" };
const backIns: typeof usages = [
  ...["0", "-1", "1.5", "604801", "0604801", "9999999999", "2m", "soon", " 1", "0x10", "１"].map((
    text,
  ): typeof usages[number] => [
    ["monitor"],
    2,
    /^error: Cannot use ".*" for OPENCLAW_BACK_IN: a whole number of seconds from 1 to 604800 is expected$/m,
    { OPENCLAW_BACK_IN: text },
  ]),
  [["monitor"], 1, /Cannot read ".*credentials\.json"/, { OPENCLAW_BACK_IN: "604800" }],
  [["monitor"], 1, /Cannot read ".*credentials\.json"/, { OPENCLAW_BACK_IN: "000001" }],
  [["monitor"], 1, /Cannot read ".*credentials\.json"/, { OPENCLAW_BACK_IN: "" }],
  [["status"], 1, /Cannot read ".*credentials\.json"/, soon],
  [["--version"], 0, /^\d/, soon],
];

const stories: Record<string, Work> = {
  "it beats once, and says why it could not": (host, ask) =>
    withService(host, async (seen, answerWith) => {
      const one = lookCases.find(({ name }) => name.startsWith("a gateway of which parts fail"));
      assert.ok(one);
      using gateway = startStage(one);
      const ended = await ask(["monitor", "--once", `--watch=openclaw:${gateway.port}`]);
      assert.deepEqual(ended, { code: 0, stdout: "", stderr: "" });
      assert.deepEqual(seen.map(({ path }) => path), ["POST handshake", "POST heartbeat"]);
      const { status, message, metrics, seq }: Record<string, unknown> = seen[1]?.body ?? {};
      assert.deepEqual([status, message, seq], ["unhealthy", one.message, 1]);
      const names = Object.keys({ ...metrics ?? {} }).sort();
      assert.deepEqual(names, ["gateway_uptime_seconds", "latency_ms", "load_1m", "uptime_seconds"]);
      answerWith(() => refusal("invalid_credentials", 401));
      assertEnded(await ask(["monitor", "--once"]), 3, /Cannot shake hands with .*invalid_credentials/);
      answerWith(({ path }) => path === "POST heartbeat" ? refusal("unavailable", 503) : null);
      assertEnded(await ask(["monitor", "--once"]), 6, /Cannot send a heartbeat to .*unavailable/);
    }),
  "it tells its status": (host, ask, askAlone) =>
    withService(host, async (seen, answerWith) => {
      const ended = await ask(["status"]);
      const lines = ended.stdout.split("\n");
      assert.deepEqual([ended.code, ended.stderr], [0, ""]);
      assert.equal(lines[0], `agent     edge 1 (${agentId})`);
      assert.deepEqual(lines.slice(2, 4), [
        "liveness  online",
        "last beat 2026-11-23T12:00:00Z, wanted every 5 s",
      ]);
      assert.deepEqual(seen.map(({ path }) => path), ["POST handshake", "GET heartbeat"]);
      answerWith(({ path }) => path === "GET heartbeat" ? wellAsked(path, "late") : null);
      const late = await ask(["status"]);
      assert.deepEqual([late.code, late.stdout.split("\n")[2]], [1, "liveness  late"]);
      answerWith(() => refusal("invalid_credentials", 401));
      assertEnded(await askAlone(["status"]), 3, /Cannot shake hands with/);
    }),
  "it tells its start and each change, once": async (host) => {
    let status = 200;
    await using page = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
      () => new Response("", { status }),
    );
    const log = join(host.home, "agent.log");
    const options = [`--probe-url=http://127.0.0.1:${page.addr.port}/health`, "--log-file", log];
    await withFake(
      host,
      (one, index) => {
        status = index < 4 || index > 7 ? 200 : 503;
        return wellAsked(`POST ${one.path}`);
      },
      async ({ until, seen }) => {
        await until(11);
        assert.deepEqual(
          seen.slice(1, 11).map(({ body }) => body.status),
          [..."hhhhddddhh"].map((letter) => letter === "h" ? "healthy" : "degraded"),
        );
      },
      options,
    );
    const lines = (await Deno.readTextFile(log)).trimEnd().split("\n").map((line) =>
      line.replace(/^\S+ /, "")
    );
    assert.match(
      lines.shift() ?? "",
      new RegExp(`^watching over agent ${agentId} at http://127\\.0\\.0\\.1:`),
    );
    assert.deepEqual(lines, ["the host is degraded: the probe answered 503", "the host is healthy"]);
  },
};

for (const language of languages) {
  testWith(
    language.tools,
    `the agent of ${language.name} does what its commands promise`,
    async (context) => {
      await using folder = await temporaryFolder();
      // One PowerShell for all: each start takes a second of CPU, and whatever is done for the first time another one.
      await using session = language === powershell ? new PowerShellSession(folder.path) : null;
      for (const [args, code, says, more] of [...usages, ...backIns]) {
        const name = [
          ...Object.entries(more ?? {}).map(([key, text]) => `${key}=${text}`),
          "openclaw",
          ...args,
        ];
        await context.step(
          `${name.join(" ")} → ${code}`,
          () =>
            withAgent(language, session, async (_, ask) => {
              const ended = await ask(args, more);
              assertEnded(ended, code, says);
              assert.equal(code === 0 ? ended.stderr : ended.stdout, "");
            }),
        );
      }
      for (const [name, work] of Object.entries(stories)) {
        await context.step(name, () => withAgent(language, session, work));
      }
    },
  );
}
