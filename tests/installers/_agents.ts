import assert from "node:assert/strict";
import { join } from "node:path";
import { agentId, secret } from "../_support/backend.ts";
import type { Host } from "../_support/installers.ts";
import { credentialsText } from "./_scenarios.ts";

/** An installed script agent, running. */
export interface RunningAgent {
  pid: number;
  said: () => string;
  /** Asks it to stop, and returns its exit code. */
  stop: () => Promise<number>;
  isAlive: () => boolean;
}

/** One request as the fake service saw it. */
export interface Seen {
  /** Seconds since the first one, on the agent's clock. */
  at: number;
  path: string;
  body: Record<string, unknown>;
  token: string | null;
}

/** How much faster than ours the clock of an agent runs that is not to take long. */
export const haste = 10;

/**
 * Starts the agent that is installed in the host's home. With `fast`, its seconds are tenths of ours; what is
 * written to `<home>/../ahead` is how many seconds its wall clock is ahead.
 */
export async function startAgent(host: Host, fast = false): Promise<RunningAgent> {
  const folder = join(host.home, "..");
  const env = fast ? await fastClock(folder) : {};
  const [program = "", ...args] = [...host.shell, host.program, "monitor"];
  const child = new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: host.home, ...env },
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
    said: () => said,
    isAlive: () => alive,
    async stop() {
      if (alive) child.kill("SIGTERM");
      const code = await ended;
      await drained;
      return code;
    },
  };
}

/** Stand-ins for what tells a script the time, and lets it pass. */
async function fastClock(folder: string): Promise<Record<string, string>> {
  const bin = join(folder, "fast");
  await Deno.mkdir(bin, { recursive: true });
  await Deno.writeTextFile(join(folder, "ahead"), "0");
  // Every program that they start is time that passes, ten times over, for an agent that sleeps in ticks.
  const sleep = `#!/bin/sh
case $1 in *[!0-9]*) exec /bin/sleep "$(awk "BEGIN { print $1 / ${haste} }")" ;; esac
part=$(($1 * 1000 / ${haste} % 1000 + 1000))
exec /bin/sleep "$(($1 / ${haste})).\${part#1}"
`;
  const date = `#!/bin/sh
[ "$*" = +%s ] || exec /bin/date "$@"
read -r ahead <'${folder}/ahead'
echo $(($(/bin/date +%s%N) / ${1_000_000_000 / haste} + ahead))
`;
  await Deno.writeTextFile(join(bin, "sleep"), sleep, { mode: 0o755 });
  await Deno.writeTextFile(join(bin, "date"), date, { mode: 0o755 });
  await Deno.writeTextFile(
    join(bin, "sitecustomize.py"),
    `import time
wall, monotonic, sleep = time.time, time.monotonic, time.sleep
time.time = lambda: wall() * ${haste} + float(open('${folder}/ahead').read())
time.monotonic = lambda: monotonic() * ${haste}
time.sleep = lambda seconds: sleep(seconds / ${haste})
`,
  );
  return { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`, PYTHONPATH: bin };
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
): Promise<void> {
  const seen: Seen[] = [];
  let start = 0;
  const options = { port: 0, hostname: "127.0.0.1", onListen: () => undefined };
  const server = Deno.serve(options, async (request) => {
    start ||= performance.now();
    const text = await request.text();
    const one: Seen = {
      at: (performance.now() - start) / 1000 * haste,
      path: new URL(request.url).pathname.replace("/functions/v1/", ""),
      body: text === "" ? {} : JSON.parse(text),
      token: request.headers.get("authorization"),
    };
    seen.push(one);
    return await script(one, seen.length - 1);
  });
  await Deno.writeTextFile(
    host.credentials,
    credentialsText({ id: agentId, secret }, `http://127.0.0.1:${server.addr.port}`),
  );
  const agent = await startAgent(host, true);
  const until = async (count: number): Promise<void> => {
    for (const end = performance.now() + 100_000; seen.length < count;) {
      assert.ok(performance.now() < end, `only ${seen.length} of ${count} requests came: ${agent.said()}`);
      assert.ok(agent.isAlive(), `the agent has ended: ${agent.said()}`);
      await pause(20);
    }
  };
  try {
    await work({ seen, agent, until });
  } finally {
    await agent.stop();
    await server.shutdown();
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
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
