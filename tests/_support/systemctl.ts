import { join } from "node:path";
import { withFolder } from "./server.ts";
import { type Run, run } from "./program.ts";

/** Stands in for the user's systemctl: it knows one unit, and what it knows lies beside it. */
function systemctl(log: string): string {
  return `#!/bin/sh
echo "$*" >> '${log}'
state=\${0%/*} units=$HOME/.config/systemd/user
is() { [ -e "$state/$1" ]; }
if is no-bus; then echo 'Failed to connect to bus: No medium found' >&2; exit 1; fi
if is "fail-$2"; then rm "$state/fail-$2"; exit 1; fi
case $2 in
  show) echo "FragmentPath=$(cat "$state/fragment" 2>/dev/null)" ;;
  is-active) if is running; then echo active; elif is starting; then echo activating; exit 3; else echo inactive; exit 3; fi ;;
  is-enabled) if is enabled; then echo enabled; else exit 1; fi ;;
  # A program that ends as soon as it was started.
  restart)
    if is "ends-at-once"; then rm -f "$state/ends-at-once" "$state/running"; else touch "$state/running"; fi
    if is meanwhile; then . "$state/meanwhile"; fi
    ;;
  stop) is disobeys || rm -f "$state/running" "$state/starting" ;;
  enable)
    touch "$state/enabled" && mkdir -p "$units/default.target.wants"
    ln -sf "$units/openclaw-agent.service" "$units/default.target.wants/"
    ;;
  # As systemd: a unit that is not there is not disabled.
  disable) [ ! -e "$units/openclaw-agent.service" ] || rm -f "$state/enabled" "$units/default.target.wants/openclaw-agent.service" ;;
  daemon-reload) [ -e "$units/default.target.wants/openclaw-agent.service" ] || rm -f "$state/enabled" ;;
esac
`;
}

/** A home with a systemctl that notes what it is asked, and knows one unit. */
export async function withSystemctl(
  work: (
    home: string,
    service: (args: string[], options?: { stdin?: string; env?: Record<string, string> }) => Promise<Run>,
    asked: () => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  await withFolder(async (home) => {
    const bin = join(home, "bin");
    await Deno.mkdir(bin);
    const log = join(home, "asked");
    await Deno.writeTextFile(log, "");
    await Deno.writeTextFile(
      join(bin, "systemctl"),
      systemctl(log),
      {
        mode: 0o755,
      },
    );
    await work(
      home,
      (args, { stdin, env = {} } = {}) =>
        run(["service", ...args], {
          home,
          env: { PATH: `${bin}:${Deno.env.get("PATH")}`, ...env },
          ...(stdin === undefined ? {} : { stdin }),
        }),
      () => Deno.readTextFile(log),
    );
  });
}

/** The names in a folder. */
export async function names(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(folder)) found.push(name);
  return found.sort();
}

/** The paths of all files and links below a folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const found = await Array.fromAsync(walk(folder));
  return found.map((path) => path.slice(folder.length + 1)).sort();
}

async function* walk(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}
