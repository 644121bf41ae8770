import { join } from "node:path";
import type { ConnectionFlags } from "../identity/setup.ts";
import type { StoredCredentials } from "../identity/credentials.ts";
import type { IdentityFlags } from "../identity/named_agent.ts";
import { CliError } from "../terminal/errors.ts";
import type { Environment } from "../host/paths.ts";
import { credentialsFor } from "./credentials.ts";
import { definedElsewhere, managerFault } from "./manager.ts";
import { optionsFor } from "./options.ts";
import { assertProgramIsOurs, readOurDefinition } from "./ours.ts";
import { isThere } from "./own_files.ts";
import { type Ask, perform } from "./perform.ts";
import type { Place } from "./layout.ts";
import { NotSettled, settledState, stateAt } from "./state.ts";
import { type Before, endSteps, installSteps, outlineStep, restoreSteps, type Step } from "./steps.ts";
import { rememberFiles, type Undo } from "./undo.ts";

export interface Talk {
  ask: Ask;
  say: (text: string) => void;
  warn: (text: string) => void;
}

export interface Plan {
  steps: Step[];
  credentials: StoredCredentials | null;
  earlier: string | null;
}

/** What an installation would do. Asks no service manager, and touches nothing. */
export async function planInstall(
  place: Place,
  flags: ConnectionFlags & IdentityFlags,
  { environment, ...talk }: Talk & { environment: Environment },
): Promise<Plan> {
  // deno-lint-ignore no-control-regex -- a line break would begin another line of the unit
  if (/[\u0000-\u001f\u007f]/.test(place.program + place.unit)) {
    throw new CliError(
      "usage",
      "Cannot install the service: the home folder's name has a control character",
      {
        hint: "sudo openclaw service install",
      },
    );
  }
  await assertNoServerIn(place);
  const earlier = await readOurDefinition(place);
  const program = Deno.execPath();
  if (program !== place.program) await assertProgramIsOurs(place.program);
  const options = await optionsFor(place, flags, earlier);
  const credentials = await credentialsFor(place, flags, {
    environment,
    ...talk,
    insecureHttp: options.insecureHttp,
  });
  const from = Deno.build.standalone ? program : place.program;
  return {
    steps: installSteps(place, from, { storesCredentials: credentials !== null, options }),
    credentials,
    earlier,
  };
}

/** systemd gives the service's folder, with all that is in it, to the agent's user. */
async function assertNoServerIn({ folders }: Place): Promise<void> {
  for (const path of folders.flatMap((folder) => serverKeys.map((name) => join(folder, name)))) {
    if (!await isVisible(path)) continue;
    throw new CliError(
      "conflict",
      `Cannot install the service: its folder has the keys of a server, "${path}"`,
      {
        hint: "move the server's data: openclaw serve --data /var/lib/openclaw-server",
      },
    );
  }
}

/** A dry run of somebody else than root may not look there. */
async function isVisible(path: string): Promise<boolean> {
  try {
    return await isThere(Deno.lstat, path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

const serverKeys = ["operator-key", "jwt-keys.json"];

/** Has the service manager nothing to say against it? Asked before anything is touched. */
export async function assertCanInstall(place: Place, ask: Ask): Promise<void> {
  const fault = await managerFault(place, ask);
  if (fault !== null) {
    throw new CliError("unexpected", `Cannot install the service: its manager cannot be asked: ${fault}`, {
      hint: "openclaw monitor, started by what this host has",
    });
  }
  const elsewhere = await definedElsewhere(place, ask);
  if (elsewhere === null) return;
  throw new CliError("conflict", `Cannot install the service: another one of that name is in ${elsewhere}`, {
    hint: "look at it, and remove it if it is not wanted",
  });
}

/**
 * Does it, or nothing: when a step fails, or the new program does not keep running where there was a service before,
 * what was there is there again. A first one that does not keep running stays, so that its lines can be read.
 */
export async function install(
  place: Place,
  { steps, credentials, earlier }: Plan,
  talk: Talk,
): Promise<string> {
  const { ask, say } = talk;
  const before = { isDefined: earlier !== null, wasStarted: (await stateAt(place, ask)).started };
  const kept = await rememberFiles(place, steps.some((step) => step.do === "copy program"));
  try {
    for (const step of steps) {
      say(outlineStep(step));
      await perform(step, credentials, ask);
    }
    const state = await settledState(place, ask);
    await forget(kept, talk);
    return state;
  } catch (error) {
    if (error instanceof NotSettled && !before.isDefined) await forget(kept, talk);
    else await undoAll(place, before, { ...talk, kept });
    throw error;
  }
}

/** What cannot be dropped costs nobody the installation. */
async function forget(kept: Undo, { warn }: Talk): Promise<void> {
  try {
    await kept.forget();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`a copy of the program that was replaced stays: ${error.message}`);
  }
}

async function undoAll(
  place: Place,
  before: Before,
  { kept, ask, say, warn }: Talk & { kept: Undo },
): Promise<void> {
  try {
    // What still has its definition can be stopped by it.
    for (const step of endSteps(place, before)) await perform(step, null, ask);
    await kept.undo();
    for (const step of restoreSteps(place, before)) await perform(step, null, ask);
    say("nothing was changed: what had been done is undone");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`not all of it could be undone: ${error.message}`);
  }
}
