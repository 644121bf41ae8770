import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { AgentSession } from "../_support/agent_session.ts";
import type { Host, Language } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import { signalIfThere } from "../_support/run.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { until as untilThere } from "../_support/wait.ts";
import { credentialsText } from "./_scene.ts";

/** An installed script agent, running. */
export interface RunningAgent {
  pid: number;
  /** Without the line at its start. */
  said: () => string;
  /** Asks it to stop, and returns its exit code. */
  stop: () => Promise<number>;
  isAlive: () => boolean;
}

/** One request as the fake service saw it. */
export interface Seen {
  /** What the agent had slept by then, in seconds of its clock. */
  at: number;
  path: string;
  body: Record<string, unknown>;
  token: string | null;
}

/** How much sooner than it asked for an agent that is not to take long is done with its sleep. */
const haste = 25;

/**
 * Starts the agent that is installed in the host's home. With `fast`, its clock moves by what it slept, in a small part
 * of that time, and stands still while it works, so that a busy host makes no wait longer; its wall clock jumps as
 * `planJumps` said.
 */
export async function startAgent(host: Host, fast = false, options: string[] = []): Promise<RunningAgent> {
  const folder = join(host.home, "..");
  const isPowerShell = host.language.extension === "ps1";
  if (fast && isPowerShell) return await startInSession(host, options);
  const env = {
    ...(isPowerShell ? powershellEnvironment(folder) : {}),
    ...(fast ? await fastTools(folder) : {}),
  };
  const [program = "", ...args] = [...host.shell, host.program, "monitor", ...options];
  const child = new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: host.home, ...env, ...host.variables },
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).spawn();
  let said = "";
  let alive = true;
  const drained = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const ended = child.status.then(({ code }) => {
    alive = false;
    return code;
  });
  return {
    pid: child.pid,
    said: () => withoutStart(said),
    isAlive: () => alive,
    async stop() {
      signalIfThere(child, "SIGTERM");
      const code = await ended;
      await drained;
      return code;
    },
  };
}

/** The same in a PowerShell that has had other agents, or in a new one. */
async function startInSession(host: Host, options: string[]): Promise<RunningAgent> {
  const folder = join(host.home, "..");
  const own = host.session === null ? new AgentSession(folder) : null;
  const session = own ?? host.session ?? assert.fail();
  const program = join(folder, "agent.ps1");
  await Deno.copyFile(host.program, program);
  const begun = await beginClock(folder);
  const args = ["monitor", ...options];
  const { home, variables } = host;
  const { said, ended } = await session.begin({ program, args, home, variables, folder, begun, haste });
  let alive = true;
  const over = ended.then(async (code) => {
    alive = false;
    await own?.[Symbol.asyncDispose]();
    return code;
  });
  return {
    pid: session.pid,
    said: () => withoutStart(said()),
    isAlive: () => alive,
    async stop() {
      // It listens before it says that it has started, and before it sleeps.
      const isThere = async (): Promise<boolean> => !alive || said() !== "" || await slept(host) > 0;
      await untilThere("the agent to listen", isThere, { timeoutMs: 300_000 });
      if (alive) Deno.kill(session.pid, "SIGTERM");
      return await over;
    },
  };
}

function withoutStart(said: string): string {
  return said.replace(/^watching over agent .*\n/, "");
}

/** The agent as the language's installer writes it down, but for its first line: a scenario asserts that it does. */
export async function agentText({ extension }: Language): Promise<string> {
  return await Deno.readTextFile(new URL(`../../installers/agents/agent.${extension}`, import.meta.url));
}

/**
 * Puts the language's agent where its installer does. It has ten minutes for its goodbye in place of three seconds, in
 * which a busy machine may not hear it.
 */
export async function placeAgent(host: Host): Promise<void> {
  const text = await agentText(host.language);
  const patient = text.replaceAll(/(\bbeat stopping |'stopping' |"stopping", seconds=)3\b/g, "$1600");
  assert.notEqual(patient, text);
  for (const file of [host.program, host.credentials]) await Deno.mkdir(dirname(file), { recursive: true });
  await Deno.writeTextFile(host.program, patient, { mode: 0o755 });
}

/** The same, with other seconds than 15 for a reply. */
export async function placeAgentThatWaits(host: Host, seconds: number): Promise<void> {
  await placeAgent(host);
  const text = await Deno.readTextFile(host.program);
  const changed = text.replaceAll(/(:-|\bseconds=|\$Seconds = )15\b/g, `$1${seconds}`);
  assert.notEqual(changed, text);
  await Deno.writeTextFile(host.program, changed);
}

/** Answers as the service does, as far as an installer asks. */
export function service(request: Request): Response {
  const path = new URL(request.url).pathname.replace("/functions/v1/", "");
  if (request.method === "POST") return well({ at: 0, path, body: {}, token: null });
  return Response.json({
    agent: { id: agentId, liveness: "online", last_seen_at: `moment ${performance.now()}` },
    server_time: new Date().toISOString(),
  });
}

/** What the agent has slept so far, in seconds of its clock. */
export async function slept({ home }: Host): Promise<number> {
  // The file is empty while it is being written.
  const text = await untilThere(
    "the agent's clock",
    () => Deno.readTextFile(join(home, "../slept")).then(filled),
  );
  return Number(text);
}

function filled(text: string): string | null {
  return text === "" ? null : text;
}

/** Waits until the agent has slept so many seconds more by its clock. */
export async function sleptMore(host: Host, seconds: number): Promise<void> {
  const begun = await slept(host);
  await untilThere(`${seconds} s of the agent's clock`, async () => await slept(host) >= begun + seconds, {
    timeoutMs: 100_000,
  });
}

/** Begins the clock of an agent, and returns the seconds since 1970 at which it begins. */
async function beginClock(folder: string): Promise<number> {
  // What planJumps wrote stays.
  await Deno.writeTextFile(join(folder, "jumps"), "", { append: true });
  await Deno.writeTextFile(join(folder, "slept"), "0");
  return Math.floor(Date.now() / 1000);
}

/** Stand-ins for what tells a script the time, and lets it pass. */
async function fastTools(folder: string): Promise<Record<string, string>> {
  const bin = join(folder, "fast");
  const slept = join(folder, "slept");
  const begun = await beginClock(folder);
  await Deno.mkdir(bin, { recursive: true });
  const sleep = `#!/bin/sh
part=$(($1 * 1000 / ${haste} % 1000 + 1000))
/bin/sleep "$(($1 / ${haste})).\${part#1}" || exit
read -r slept <'${slept}'
# A signal may come in the middle of this: it writes over what is there, which is never longer.
echo "$((slept + $1))" 1<>'${slept}'
`;
  const date = `#!/bin/sh
[ "$*" = +%s ] || exec /bin/date "$@"
read -r slept <'${slept}'
ahead=0
while read -r from more; do [ "$slept" -lt "$from" ] || ahead=$more; done <'${folder}/jumps'
echo "$((${begun} + slept + ahead))"
`;
  await Deno.writeTextFile(join(bin, "sleep"), sleep, { mode: 0o755 });
  await Deno.writeTextFile(join(bin, "date"), date, { mode: 0o755 });
  await Deno.writeTextFile(
    join(bin, "sitecustomize.py"),
    `import os, time
real, slept = time.sleep, 0.0
def sleep(seconds):
    global slept
    real(seconds / ${haste})
    slept += seconds
    # A signal may come in the middle of this.
    with open('${slept}.%d' % os.getpid(), 'w') as file:
        file.write(str(slept))
    os.replace('${slept}.%d' % os.getpid(), '${slept}')
def jumped():
    with open('${folder}/jumps') as file:
        jumps = [[float(word) for word in line.split()] for line in file]
    return max([0.0] + [ahead for start, ahead in jumps if slept >= start])
time.time = lambda: ${begun} + slept + jumped()
time.monotonic = lambda: ${begun} + slept
time.sleep = sleep
`,
  );
  return { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`, PYTHONPATH: bin };
}

/**
 * Has the agent's wall clock, and that alone, jump: when it has slept so many seconds in all, it is so many seconds ahead.
 * Said before its start, or before a reply that it waits for, no jump comes too late, however busy the machine is.
 */
export async function planJumps({ home }: Host, jumps: [slept: number, ahead: number][]): Promise<void> {
  const path = join(home, "../jumps");
  // A plan that is read in the middle of being written would be another one.
  await Deno.writeTextFile(`${path}.next`, jumps.map((jump) => `${jump.join(" ")}\n`).join(""));
  await Deno.rename(`${path}.next`, path);
}

/** What a fake service answers to its nth request, n from 0. */
export type Script = (seen: Seen, index: number) => Response | Promise<Response>;

/** Runs a fast agent against a fake service for as long as the work takes. */
export async function withFake(
  host: Host,
  script: Script,
  work: (
    given: { seen: Seen[]; agent: RunningAgent; until: (count: number) => Promise<void> },
  ) => Promise<void>,
  flags: string[] = [],
): Promise<void> {
  const seen: Seen[] = [];
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => undefined };
  const server = Deno.serve(options, async (request) => {
    const text = await request.text();
    const one: Seen = {
      at: await slept(host),
      path: new URL(request.url).pathname.replace("/functions/v1/", ""),
      body: text === "" ? {} : JSON.parse(text),
      token: request.headers.get("authorization"),
    };
    seen.push(one);
    return await script(one, seen.length - 1);
  });
  await Deno.writeTextFile(
    host.credentials,
    credentialsText({ id: agentId, secret: agentSecret }, `http://127.0.0.1:${server.addr.port}`),
  );
  const agent = await startAgent(host, true, flags);
  const until = async (count: number): Promise<void> => {
    await untilThere(`${count} requests of the agent`, () => seen.length >= count || !agent.isAlive(), {
      timeoutMs: 300_000,
    });
    assert.ok(seen.length >= count, `the agent has ended: ${agent.said()}`);
  };
  try {
    await work({ seen, agent, until });
  } finally {
    await agent.stop();
    await server.shutdown();
  }
}

/** The service's good answer to a request. */
export function well(seen: Seen, { beatIn = 5, refreshIn = 700, interval = 5 } = {}): Response {
  if (seen.path === "heartbeat") return Response.json({ ok: true, next_heartbeat_in: beatIn });
  return Response.json({
    token: `a.b.${Math.floor(seen.at)}`,
    refresh_in: refreshIn,
    heartbeat_interval_seconds: interval,
    next_heartbeat_in: 0,
    agent: { id: agentId, name: "edge 1" },
  });
}

/** The service's refusal. */
export function refusal(error: string, status: number, headers: Record<string, string> = {}): Response {
  return Response.json({ error, error_description: "Cannot do it: it is a test", request_id: "x" }, {
    status,
    headers,
  });
}
