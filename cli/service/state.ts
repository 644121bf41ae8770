import { withRealFolders } from "../host/real_folder.ts";
import { CliError } from "../terminal/errors.ts";
import type { Environment } from "../host/paths.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { look } from "./ours.ts";
import { type Ask, askHost } from "./perform.ts";
import { type ServiceLayout, serviceLayout } from "./layout.ts";
import { managerCommands } from "./manager_commands.ts";

export interface ServiceState {
  installed: boolean;
  running: boolean;
  /** It runs, or its manager is about to start it again. */
  started: boolean;
  text: string;
}

/** What this host's service manager says of our service in a layout. */
export async function stateAt(layout: ServiceLayout, ask: Ask = askHost): Promise<ServiceState> {
  const manifest = await manifestOrFault(layout);
  if (typeof manifest === "string") return { ...absent, text: manifest };
  const found = await look(layout.unit, manifest);
  if (found === "nothing") return { ...absent, text: "not installed" };
  if (found === "foreign") return { ...absent, text: `not ours: ${layout.unit}` };
  const { word, ...state } = readState(layout.os, await ask(managerCommands(layout).state));
  return {
    installed: true,
    ...state,
    text: `${word} (${layout.scope})${found === "changed" ? `, with a changed ${layout.unit}` : ""}`,
  };
}

async function manifestOrFault(layout: ServiceLayout): Promise<Manifest | string | null> {
  try {
    return await readManifest(layout);
  } catch (error) {
    if (error instanceof CliError) return error.message;
    throw error;
  }
}

const absent = { installed: false, running: false, started: false };

/** The service was started, and does not keep running. */
export class NotSettled extends CliError {}

/**
 * A manager reports a program that ends at once as started, and one that it is about to start as not running: what runs
 * for two seconds, within five, is taken for running.
 *
 * @throws {NotSettled} when it does not
 */
export async function settledState(layout: ServiceLayout, ask: Ask): Promise<string> {
  let inARow = 0;
  for (let looks = 0;; looks++) {
    const { running, text } = await stateAt(layout, ask);
    inARow = running ? inARow + 1 : 0;
    if (inARow === 5) return text;
    if (looks >= 9 && !running) {
      throw new NotSettled("unexpected", `Cannot keep the service running: it is "${text}" after its start`, {
        hint: `openclaw service logs${layout.scope === "user" ? " --user" : ""}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** What a manager's answer comes to. That launchd or Windows knows a service does not yet mean that it runs. */
function readState(
  os: ServiceLayout["os"],
  { code, output }: { code: number; output: string },
): { running: boolean; started: boolean; word: string } {
  const [line = ""] = output.split("\n");
  if (os === "linux") {
    return { running: code === 0, started: code === 0 || line === "activating", word: line };
  }
  if (code !== 0) return { running: false, started: false, word: "not loaded" };
  const word = os === "darwin"
    ? /^\s*state = (.+)$/m.exec(output)?.[1] ?? "loaded"
    : line.trim().toLowerCase();
  const running = word === "running";
  // launchd keeps alive whatever it has loaded.
  return { running, started: running || os === "darwin", word };
}

/** The same in a few words, for the system's service, else the user's. */
export async function serviceState(environment: Environment): Promise<string> {
  const { os } = Deno.build;
  if (os !== "linux" && os !== "darwin" && os !== "windows") return "none on this system";
  const uid = Deno.uid() ?? 0;
  for (const user of [false, true]) {
    const { text } = await stateAt(serviceLayout(withRealFolders(environment), { os, user, uid }));
    if (text !== "not installed") return text;
  }
  return "not installed";
}
