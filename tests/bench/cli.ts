// deno-lint-ignore-file no-console -- a tool for the terminal
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { pause } from "../_support/wait.ts";

/**
 * What the compiled `openclaw` costs, beside an empty program that was compiled by the same Deno: size, time of
 * `--version`, and after some minutes of `monitor` its memory and CPU time. Linux alone, for /proc.
 *
 *   deno task compile && deno task bench:cli [--minutes 10]
 */
interface Reading {
  name: string;
  value: string;
  aim: string;
  ok: boolean;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "dist", "openclaw");
const deno = Deno.env.get("DENO_COMPILE_BIN") ?? Deno.execPath();
const minutes = Number(/--minutes[= ](\d+)/.exec(Deno.args.join(" "))?.[1] ?? 10);
const runs = 21;
const intervalSeconds = 60;

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "openclaw-bench-" });
  try {
    const ending = await compileEmpty(folder, "ending", "");
    const sleeping = await compileEmpty(folder, "sleeping", "setInterval(() => undefined, 1e9);");
    const readings = [...await size(ending), ...await startTime(ending), ...await life(sleeping, folder)];
    for (const { name, value, aim, ok } of readings) {
      console.log(`${ok ? "ok  " : "MISS"}  ${name.padEnd(30)} ${value.padEnd(36)} aim: ${aim}`);
    }
    if (readings.some(({ ok }) => !ok)) Deno.exitCode = 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function compileEmpty(folder: string, name: string, source: string): Promise<string> {
  const main = join(folder, `${name}.ts`);
  const path = join(folder, name);
  await Deno.writeTextFile(main, source);
  const { success } = await new Deno.Command(deno, {
    args: ["compile", "--quiet", "--no-check", "--no-config", "--allow-all", "--output", path, main],
  }).output();
  if (!success) throw new Error("Cannot compile an empty program");
  return path;
}

async function size(empty: string): Promise<Reading[]> {
  const readings: Reading[] = [];
  const { size: base } = await Deno.stat(empty);
  for (const path of [program, `${program}-server`]) {
    const { size } = await Deno.stat(path);
    readings.push({
      name: `size of ${path.slice(root.length)}`,
      value: `${megabytes(size)} MB, empty ${megabytes(base)} MB`,
      aim: path === program ? "at most 100 MB" : "none: it is a program of its own",
      ok: path !== program || size <= 100e6,
    });
  }
  return readings;
}

/** Taken by turns, so that what else the machine does falls on both. */
async function startTime(empty: string): Promise<Reading[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < runs; run++) {
    theirs.push(await time(empty, []));
    ours.push(await time(program, ["--version"]));
  }
  const ratio = median(ours) / median(theirs);
  return [{
    name: "time of --version",
    value: `${median(ours).toFixed(0)} ms, empty ${median(theirs).toFixed(0)} ms: ${ratio.toFixed(2)}`,
    aim: "at most 1.5 times",
    ok: ratio <= 1.5,
  }];
}

async function time(path: string, args: string[]): Promise<number> {
  const started = performance.now();
  await new Deno.Command(path, { args, stdout: "null", stderr: "null" }).output();
  return performance.now() - started;
}

/**
 * Has the system forget the file's pages, as after a boot: of a file that was just written it maps larger pieces,
 * which moves the memory of a process by some MB.
 */
async function forget(path: string): Promise<void> {
  const args = [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"];
  const { success } = await new Deno.Command("dd", { args }).output();
  if (!success) throw new Error(`Cannot have the system forget the pages of ${path}`);
}

async function life(sleeping: string, folder: string): Promise<Reading[]> {
  for (const path of [program, sleeping]) await forget(path);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, answer);
  const sleeper = start(sleeping, [], folder);
  const monitor = start(program, ["monitor", "--quiet"], folder, {
    OPENCLAW_URL: `http://127.0.0.1:${server.addr.port}`,
    OPENCLAW_AGENT_ID: agentId,
    OPENCLAW_AGENT_SECRET: agentSecret,
  });
  try {
    await pause(5000);
    const before = await cpuSeconds(monitor.pid);
    await pause(minutes * 60_000);
    const used = await cpuSeconds(monitor.pid) - before;
    const ours = await memory(monitor.pid);
    const theirs = await memory(sleeper.pid);
    const percent = 100 * used / (minutes * 60);
    return [
      memoryReading("memory (RSS)", ours.rss, theirs.rss, true),
      memoryReading("memory of its own (PSS)", ours.pss, theirs.pss, false),
      {
        name: `CPU over ${minutes} min`,
        value: `${used.toFixed(2)} s, ${percent.toFixed(3)} %`,
        aim: `at most 0.2 % at ${intervalSeconds} s`,
        ok: percent <= 0.2,
      },
    ];
  } finally {
    monitor.kill("SIGKILL");
    sleeper.kill("SIGKILL");
    await Promise.all([monitor.status, sleeper.status]);
    await server.shutdown();
  }
}

function memoryReading(name: string, ours: number, theirs: number, counts: boolean): Reading {
  const ratio = ours / theirs;
  return {
    name: `${name} after ${minutes} min`,
    value: `${megabytes(ours)} MB, empty ${megabytes(theirs)} MB: ${ratio.toFixed(2)}`,
    aim: counts ? "at most 1.3 times" : "none",
    ok: !counts || ratio <= 1.3,
  };
}

function start(
  path: string,
  args: string[],
  home: string,
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command(path, {
    args,
    clearEnv: true,
    env: { HOME: home, ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function answer({ url }: Request): Response {
  const server_time = new Date().toISOString();
  const common = { heartbeat_interval_seconds: intervalSeconds, server_time };
  if (url.endsWith("/heartbeat")) {
    return Response.json({ ok: true, next_heartbeat_in: intervalSeconds, ...common });
  }
  const agent = { id: agentId, name: "bench" };
  return Response.json({
    token: "e30.e30.e30",
    expires_in: 900,
    refresh_in: 700,
    next_heartbeat_in: 0,
    agent,
    ...common,
  });
}

/** User and system time, in the kernel's ticks of 10 ms. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function memory(pid: number): Promise<{ rss: number; pss: number }> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const read = (name: string): number =>
    1024 * Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1]);
  return { rss: read("Rss"), pss: read("Pss") };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
