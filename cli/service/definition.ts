import { launchdLabel, marker, type Place } from "./place.ts";

/** The unit, plist or task that runs `openclaw monitor` at this place. */
export function defineService(place: Place): string {
  if (place.os === "linux") return place.scope === "system" ? systemUnit(place) : userUnit(place);
  return place.os === "darwin" ? plist(place) : task(place);
}

/** The service has a user of its own, made by systemd while it runs, and may write its state folder alone. */
function systemUnit({ program, environmentFile }: Place): string {
  return `${unitHead(program, environmentFile)}
DynamicUser=yes
User=openclaw
StateDirectory=openclaw
StateDirectoryMode=0700
${hardening}

[Install]
WantedBy=multi-user.target
`;
}

/** A user's manager has no right to most of what hardens a unit; what it can do without, it does. */
function userUnit({ program, environmentFile }: Place): string {
  return `${unitHead(program, environmentFile)}
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`;
}

function unitHead(program: string, environmentFile: string): string {
  return `# ${marker}: "openclaw service install" replaces this file, "openclaw service uninstall" removes it.
[Unit]
Description=openclaw agent
Documentation=man:systemd.exec(5)
Wants=network-online.target
After=network-online.target
# The agent itself waits for a server that is down.
StartLimitIntervalSec=0

[Service]
ExecStart=${quoted(program)} monitor
ExecReload=/bin/kill -HUP $MAINPID
# For HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE, where they are needed.
EnvironmentFile=-${environmentFile.replaceAll("%", "%%")}
Restart=always
RestartSec=10
# Only the agent itself is told to stop: it says so to the server first.
KillMode=mixed
TimeoutStopSec=30
UMask=0077
NoNewPrivileges=yes`;
}

// @pkey: V8 guards its code with protection keys, and is ended by the filter where it may not ask for one.
const hardening = `CapabilityBoundingSet=
DevicePolicy=closed
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service @pkey
SystemCallFilter=~@privileged`;

function plist({ program, log }: Place): string {
  const strings = [program, "monitor", "--quiet", "--log-file", log ?? ""]
    .map((text) => `    <string>${escaped(text)}</string>\n`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${marker} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${launchdLabel}</string>
  <key>ProgramArguments</key>
  <array>
${strings}  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>10</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
}

/** Starts at logon and, unless it runs already, every minute after; without a time limit. */
function task({ program, log }: Place): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>openclaw agent. ${marker}.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <Repetition>
        <Interval>PT1M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escaped(program)}</Command>
      <Arguments>${escaped(`monitor --quiet --log-file "${log ?? ""}"`)}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** As systemd reads a word: quoted, `%` and `$` for themselves. */
function quoted(path: string): string {
  const safe = path.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(safe) ? `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : safe;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
