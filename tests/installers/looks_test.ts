import assert from "node:assert/strict";
import { join } from "node:path";
import { type LookCase, lookCases, startStage } from "../_support/gateway_cases.ts";
import { busybox, type Language, powershell, python, run, sh } from "../_support/installers.ts";
import { powershellEnvironment } from "../_support/powershell.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

/** Instead of the agent's last line: looks at what the lines of standard input name, for so many seconds at most. */
const inSh = `
version=test LC_ALL=C
export LC_ALL
know_host
while read -r kind port page_seconds; do
  gateway_port='' probe_url=''
  case $kind in gateway) gateway_port=$port ;; page) probe_url=http://127.0.0.1:$port/health ;; esac
  observe
  printf '{"status":"%s","message":"%s","metrics":{%s}}\\n' "$health" "$(escape "$message")" "$metrics"
done
`;

const inPowerShell = `
Enable-Tls
$watch = New-Watch
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $kind, $port, $seconds = $line.Split(' ')
    $PageSeconds = [int]$seconds
    $watched = @{ Gateway = 0; Page = '' }
    if ($kind -ceq 'gateway') { $watched.Gateway = [int]$port } else { $watched.Page = "http://127.0.0.1:$port/health" }
    $seen = Get-Observation $watched $watch
    [Console]::Out.WriteLine((ConvertTo-Json @{ status = $seen.Status; message = $seen.Message; metrics = $seen.Metrics } -Compress))
}
`;

const inPython = `
for line in sys.stdin:
    kind, port, seconds = line.split()
    PAGE_SECONDS = int(seconds)
    page = "http://127.0.0.1:%s/health" % port if kind == "page" else ""
    status, message, metrics = observe(Watched(int(port) if kind == "gateway" else 0, page))
    print(json.dumps({"status": status, "message": message, "metrics": metrics}), flush=True)
`;

function agentOf({ extension }: Language): URL {
  return new URL(`../../installers/agents/agent.${extension}`, import.meta.url);
}

/** The agent's text, with these lines in the place of those that start it. */
function armed(text: string, { extension }: Language): string {
  const [start, lines] = {
    py: [/^if __name__ == "__main__":\n.*\n$/m, inPython] as const,
    sh: [/^\{ agent_main "\$@"; \}$/m, inSh] as const,
    ps1: [/^# The installer takes what comes before this line\.\n[^]*$/m, inPowerShell] as const,
  }[extension];
  assert.match(text, start);
  return text.replace(start, () => lines);
}

for (const language of [sh, busybox, python, powershell]) {
  testWith(language.tools, `the agent of ${language.name} sees what the program sees`, async (context) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, `looks.${language.extension}`);
    const env = language === powershell ? powershellEnvironment(folder.path) : {};
    await Deno.writeTextFile(path, armed(await Deno.readTextFile(agentOf(language)), language));
    const stages = lookCases.map(startStage);
    try {
      const stdin = lookCases.map((one, index) =>
        `${one.watches} ${stages[index]?.port} ${isSilent(one) ? 1 : 600}\n`
      ).join("");
      const { stdout, stderr } = await run([...language.command, path], { stdin, env });
      const lines = stdout.trimEnd().split("\n");
      assert.equal(lines.length, lookCases.length, stdout + stderr);
      for (const [index, one] of lookCases.entries()) {
        await context.step(one.name, () => assertSeen(lines[index] ?? "", one, stages[index]?.port));
      }
    } finally {
      for (const stage of stages) stage[Symbol.dispose]();
    }
  });
}

/** Of those that do not answer, the time is what is looked at. */
function isSilent({ pages }: LookCase): boolean {
  return Object.values(pages).includes("hang");
}

function assertSeen(line: string, one: LookCase, port: number | undefined): void {
  const { status, message, metrics } = JSON.parse(line);
  assert.deepEqual({ status, message: message.replace(String(port), "PORT") }, {
    status: one.status,
    message: one.message.replace("within 5 s", "within 1 s"),
  });
  const { load_1m, uptime_seconds, ...rest } = metrics;
  assert.ok(load_1m >= 0 && uptime_seconds > 0, line);
  if ("latency_ms" in rest) {
    assert.ok(rest.latency_ms >= 0, line);
    rest.latency_ms = NaN;
  }
  assert.deepEqual(rest, one.metrics);
}
