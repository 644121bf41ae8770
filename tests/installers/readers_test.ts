/** What the script agents make of what they read: one process of each reads all cases. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { succeed } from "../_support/run.ts";
import { oddReplyNames, startOddServer } from "../_support/odd_replies.ts";
import { powershellEnvironment, pwsh } from "../_support/powershell.ts";
import { retryAfterCases } from "../_support/retry_after_cases.ts";
import { temporaryFolder } from "../_support/server.ts";
import { testWith } from "../_support/tools.ts";

const agents = new URL("../../installers/agents/", import.meta.url);
const shell = fileURLToPath(new URL("agent.sh", agents));
const python = fileURLToPath(new URL("agent.py", agents));
const powershell = fileURLToPath(new URL("agent.ps1", agents));

const importAgent = `
import email, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("agent", sys.argv[1])
agent = importlib.util.module_from_spec(spec)
spec.loader.exec_module(agent)
`;

function assertSeconds(printed: string): void {
  const found = printed.trim().split("\n").map(Number);
  assert.deepEqual(
    retryAfterCases.map(({ name }, index) => `${name}: ${found[index]}`),
    retryAfterCases.map(({ name, seconds }) => `${name}: ${seconds}`),
  );
}

for (
  const [name, command] of Object.entries({ dash: ["dash"], bash: ["bash"], busybox: ["busybox", "sh"] })
) {
  testWith(
    [command[0] ?? "", "awk"],
    `Retry-After: every case is read by the agent of install.sh under ${name}`,
    async () => {
      // As curl prints it, beneath what a loader says that was told to load what is not there.
      const replies = retryAfterCases.map(({ retryAfter, date }) =>
        `ERROR: ld.so: object '/nothing' from LD_PRELOAD cannot be preloaded: ignored.\nHTTP/1.1 503 Busy\r\n` +
        `Retry-After: ${retryAfter}\r\n${date === "" ? "" : `Date: ${date}\r\n`}\r\n{}\ncurl 0\n`
      );
      const ask = replies.map((reply) =>
        `fields=$(read_reply <<'END'\n${reply}END\n); clamped retry-after 0 || value=0; echo "$value"\n`
      );
      const program = `eval "$(sed '/^{ agent_main/d' '${shell}')"\n${ask.join("")}`;
      const [first = "", ...rest] = command;
      assertSeconds((await succeed(first, [...rest, "-s"], { stdin: program })).stdout);
    },
  );
}

testWith(["python3"], "Retry-After: every case is read by the agent of install.py", async () => {
  const program = `${importAgent}
for late, date in json.load(sys.stdin):
    print(agent.retry_after(email.message_from_string("Retry-After: " + late + ("\\nDate: " + date if date else "") + "\\n\\n")))
`;
  const cases = retryAfterCases.map(({ retryAfter, date }) => [retryAfter, date]);
  const stdin = JSON.stringify(cases);
  assertSeconds((await succeed("python3", ["-B", "-c", program, python], { stdin })).stdout);
});

function assertRead(printed: string): void {
  const found = printed.trim().split("\n");
  assert.deepEqual(
    oddReplyNames.map((name, index) => `${name}: ${found[index]}`),
    oddReplyNames.map((name) => `${name}: 0.1.0`),
  );
}

testWith(
  ["curl", "awk", "sed", "grep"],
  "every reply of ours is read by the agent of install.sh, whatever a proxy made of it",
  async () => {
    using server = startOddServer();
    const ask = oddReplyNames.map((name) =>
      `url=${server.urlOf(name)}; request health '' ''; ours 200 && text version; echo "$value"\n`
    );
    const program = `eval "$(sed '/^{ agent_main/d' '${shell}')"; version=1; know_host\n${ask.join("")}`;
    assertRead((await succeed("sh", ["-s"], { stdin: program })).stdout);
  },
);

testWith(
  ["python3"],
  "every reply of ours is read by the agent of install.py, whatever a proxy made of it",
  async () => {
    using server = startOddServer();
    const program = `${importAgent}
for url in json.load(sys.stdin):
    one = agent.Agent(url, "id", "secret")
    print(one.request("health") and agent.text(one.reply.fields, "version"), one.reply.failure)
`;
    const stdin = JSON.stringify(oddReplyNames.map(server.urlOf));
    assertRead(
      (await succeed("python3", ["-B", "-c", program, python], { stdin })).stdout.replaceAll(" \n", "\n"),
    );
  },
);

testWith(
  ["python3"],
  "two dead addresses of a name do not keep the agent of install.py from the third, and if all are dead its limit holds",
  async () => {
    using server = startOddServer();
    const { port } = new URL(server.urlOf("plain"));
    const program = `${importAgent}
import socket
dead = socket.socket()
dead.bind(("127.0.0.1", 0))
dead.listen(0)
# Its queue is full, so that it answers no more.
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False)
    one.connect_ex(dead.getsockname())
def found(port):
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
def ask(seconds, *ports):
    socket.getaddrinfo = lambda *_: [found(port) for port in ports]
    one = agent.Agent("http://localhost:${port}", "id", "secret")
    print(one.request("health", None, seconds), one.reply.failure)
nobody = dead.getsockname()[1]
ask(15, nobody, nobody, ${port})
ask(3, nobody, nobody)
`;
    const { stdout } = await succeed("python3", ["-B", "-c", program, python]);
    assert.equal(stdout, "True \nFalse timed out\n");
  },
);

// One process for both tables: each start of PowerShell takes a second of CPU.
testWith(
  ["pwsh"],
  "every Retry-After and every reply of ours is read by the agent of install.ps1",
  async () => {
    using server = startOddServer();
    const program = `
$text = [IO.File]::ReadAllText('${powershell}')
. ([scriptblock]::Create($text.Substring(0, $text.LastIndexOf("\n# The installer takes"))))
$given = ConvertFrom-Json ([Console]::In.ReadToEnd()) -NoEnumerate
foreach ($case in $given.cases) { [Math]::Max(0, (Get-RetryAfter $case.late "$($case.date)")) }
foreach ($url in $given.urls) {
    $agent = New-Agent @{ Url = $url; Id = 'id'; Secret = 'secret' } (New-Watch)
    if (Send-Request $agent 'health') { Get-Text $agent.Fields 'version' } else { Get-WhatCame $agent }
}
function Get-Platform { return @{ Os = $null; Arch = $null } }
$client = (New-Agent @{ Url = 'u'; Id = 'id'; Secret = 'secret' } (New-Watch)).Client
"$($client.os) $($client.arch)"
# A dead ::1, whose queue is full so that it answers no more, beside a sound 127.0.0.1.
$dead = New-Object Net.Sockets.TcpListener ([Net.IPAddress]::IPv6Loopback), $given.port
$dead.Start(1)
$waiting = @(1..4 | ForEach-Object { $one = New-Object Net.Sockets.TcpClient ([Net.Sockets.AddressFamily]::InterNetworkV6); [void]$one.ConnectAsync([Net.IPAddress]::IPv6Loopback, $given.port); $one })
function Start-Lookup { return [Threading.Tasks.Task]::FromResult([Net.IPAddress[]]@([Net.IPAddress]::IPv6Loopback, [Net.IPAddress]::Loopback)) }
$agent = New-Agent @{ Url = "http://localhost:$($given.port)/0"; Id = 'id'; Secret = 'secret' } (New-Watch)
foreach ($time in 1, 2) {
    "$(Send-Request $agent 'health') $($agent.Address)"
}
# What ends a request before it is sent is told, and nothing of .NET in its place.
function Wait-Response { throw 'timed out' }
"$(Send-Request $agent 'heartbeat' @{ seq = 1 }) $($agent.Failure)"
`;
    const cases = retryAfterCases.map(({ retryAfter, date }) => ({ late: retryAfter, date: date || null }));
    // What looks like a date in JSON would be made one.
    const port = Number(new URL(server.urlOf("plain")).port);
    const stdin = JSON.stringify({ cases, urls: oddReplyNames.map(server.urlOf), port });
    await using folder = await temporaryFolder();
    const env = powershellEnvironment(folder.path);
    const { stdout } = await succeed(pwsh ?? "pwsh", ["-NoProfile", "-Command", program], {
      stdin,
      env,
      timeoutSeconds: 240,
    });
    const lines = stdout.trim().split("\n");
    assertSeconds(lines.slice(0, cases.length).join("\n"));
    assertRead(lines.slice(cases.length, -4).join("\n"));
    assert.deepEqual(lines.slice(-4), [
      // A platform that it does not know.
      "unknown unknown",
      // A dead ::1 beside 127.0.0.1.
      "True 127.0.0.1",
      "True 127.0.0.1",
      "False timed out",
    ]);
  },
);

testWith(
  ["dash", "awk", "sed"],
  "a host that the agent of install.sh knows nothing of is described by a word",
  async () => {
    const program = `eval "$(sed '/^{ agent_main/d' '${shell}')"
uname() { [ "$1" = -n ] || echo Plan9; }
curl() { :; }
request() { printf '%s\n' "$2"; }
version=1 url='' agent_id='' agent_secret=''
know_host
fields=''
shake_hands
`;
    const { stdout } = await succeed("dash", ["-c", `${program}exit 0`]);
    assert.match(stdout, /"hostname":"unknown","os":"unknown","arch":"unknown"/);
  },
);
