import { dirname } from "node:path/posix";
import { mark } from "./mark.ts";
import { noOptions, optionWords, type ServiceOptions } from "./options.ts";
import { launchdLabel, type Place } from "./layout.ts";

/** The unit, plist or task that runs `openclaw monitor` at this place. */
export function defineService(place: Place, options: ServiceOptions = noOptions): string {
  if (place.os === "linux") {
    return place.scope === "system" ? systemUnit(place, options) : userUnit(place, options);
  }
  return place.os === "darwin" ? plist(place, options) : task(place, options);
}

/** The service has a user of its own, made by systemd while it runs, and may write its state folder alone. */
function systemUnit({ program, environmentFile }: Place, options: ServiceOptions): string {
  return `${unitHead([program], environmentFile, options)}
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
function userUnit(
  { program, environmentFile, credentials, folders }: Place,
  options: ServiceOptions,
): string {
  const places = { XDG_CONFIG_HOME: credentials, XDG_STATE_HOME: `${folders[1]}/session.json` };
  const variables = Object.entries(places)
    .map(([name, path]) => quoted(`${name}=${dirname(dirname(path))}`).replaceAll("$$", "$"));
  // What systemd itself starts may have no quotes and backslashes in its name, an argument may have anything.
  return `${unitHead(["/usr/bin/env", program], environmentFile, options)}
# The user's manager may have others than the shell that installed it.
Environment=${variables.join(" ")}
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`;
}

function unitHead(program: string[], environmentFile: string, options: ServiceOptions): string {
  return `# ${mark}
[Unit]
Description=openclaw agent
Documentation=man:systemd.exec(5)
Wants=network-online.target
After=network-online.target
# The agent itself waits for a server that is down.
StartLimitIntervalSec=0

[Service]
ExecStart=${[...program, "monitor", ...optionWords(options)].map(quoted).join(" ")}
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

function plist({ program, log }: Place, options: ServiceOptions): string {
  const strings = [program, "monitor", "--quiet", "--log-file", log ?? "", ...optionWords(options)]
    .map((text) => `    <string>${escaped(text)}</string>\n`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${mark} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
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

/** Starts at its user's logon and, unless it runs already, every minute after; without a time limit. */
function task({ program, log, account }: Place, options: ServiceOptions): string {
  const words = optionWords(options).map((word) => word.includes("=") ? `"${word}"` : word);
  const parts = ["monitor", "--quiet", "--log-file", `"${log ?? ""}"`, ...words];
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${mark}</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <Repetition>
        <Interval>PT1M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <UserId>${escaped(account)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${escaped(account)}</UserId>
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
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escaped(program)}</Command>
      <Arguments>${escaped(parts.join(" "))}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** As systemd reads a word: quoted, `%` and `$` for themselves. */
function quoted(word: string): string {
  const safe = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(safe) ? `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : safe;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
