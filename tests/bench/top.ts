// deno-lint-ignore-file no-console -- a benchmark prints
import { cpuUsage } from "node:process";
import { openclaw, temporaryFolder } from "../_support/server.ts";
import { startServerHere } from "../_support/server_here.ts";
import { ownEnvironment } from "../_support/program.ts";

// What `openclaw top` costs for each refresh, itself and the embedded server, on a terminal of 80 by 24.

const seconds = 40;
const fleetOf = (agents: number): string => `
  insert into public.agents (name, labels, hostname, version, created_at)
  select 'web-' || i, jsonb_build_object('site', 'site-' || i % 10), 'host-' || i, '1.0.0', now()
  from generate_series(1, ${agents}) as i;
  update public.agent_beats as b set
      last_seen_at = now() - case when substr(a.name, 5)::integer % 500 = 0 then interval '1 day' else '0 s' end,
      online_since = now(), heartbeats_count = 1, status = 'healthy', metrics = '{"cpu_percent": 12.5}'
    from public.agents as a where a.id = b.agent_id;
  update public.agents set heartbeat_interval_seconds = 86400 where hostname not like '%00';
`;

/** Reads what a program shows on a terminal for some seconds, presses q, and prints the CPU that it took. */
const watcher = `
import fcntl, os, pty, resource, select, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
def cpu():
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
def watch(until):
    size = 0
    while time.time() < until:
        if select.select([terminal], [], [], 0.1)[0]:
            size += len(os.read(terminal, 65536))
    return size
watch(time.time() + 10)
before = cpu()
size = watch(time.time() + float(sys.argv[1]))
print(cpu() - before, size)
os.write(terminal, b"q")
try:
    while os.read(terminal, 65536):
        pass
except OSError:
    pass
os.waitpid(pid, 0)
`;

await measure(Number(Deno.args[0] ?? 5_000));
Deno.exit(0);

async function measure(agents: number): Promise<void> {
  await using data = await temporaryFolder();
  await using server = await startServerHere({ data: data.path });
  for (const statement of fleetOf(agents).split(";").filter((one) => one.trim() !== "")) {
    await server.sql(statement);
  }
  const headers = { apikey: server.operatorKey };
  const looks = async (): Promise<number> => {
    const text = await (await fetch(`${server.base}/metrics`, { headers })).text();
    return Number(
      /^openclaw_requests_total\{endpoint="incidents",status="200"\} (\d+)/m.exec(text)?.[1] ?? 0,
    );
  };
  const idle = await cpuDuring(() => new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
  const { program, args } = openclaw(["top"]);
  const env = {
    OPENCLAW_URL: server.url,
    OPENCLAW_OPERATOR_KEY: server.operatorKey,
    LANG: "C.UTF-8",
    TERM: "xterm",
  };
  const child = new Deno.Command("python3", {
    args: ["-c", watcher, String(seconds), program, ...args],
    clearEnv: true,
    env: { ...ownEnvironment(data.path), ...env },
    stderr: "inherit",
    stdout: "piped",
  }).spawn();
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const before = await looks();
  const busy = await cpuDuring(() => new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
  const count = await looks() - before;
  const { stdout } = await child.output();
  const [own = 0, bytes = 0] = new TextDecoder().decode(stdout).split(" ").map(Number);
  console.log(
    `${agents} agents: ${count} looks in ${seconds} s; for each: top ${ms(own / count)} ms of CPU and ` +
      `${Math.round(bytes / count)} bytes to the terminal, server ${ms((busy - idle) / count)} ms of CPU`,
  );
}

/** The seconds of CPU of this process, which has the server in it. */
async function cpuDuring(work: () => Promise<unknown>): Promise<number> {
  const before = cpuUsage();
  await work();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1_000_000;
}

function ms(seconds: number): string {
  return (seconds * 1000).toFixed(1);
}
