import type { StoredCredentials } from "../identity/credentials.ts";
import type { IdentityFlags } from "../identity/named_agent.ts";
import { CliError } from "../terminal/errors.ts";
import { printable } from "../terminal/printable.ts";
import type { Environment } from "../host/paths.ts";
import { credentialsFor } from "./credentials.ts";
import { definedElsewhere, managerFault } from "./manager.ts";
import { defineService } from "./definition.ts";
import { assertFoldersFree, assertNoServerIn, assertUserFree } from "./foreign.ts";
import { encodeDefinition } from "./stored_definition.ts";
import { formatManifest, type Manifest, manifestOf, readManifest } from "./manifest.ts";
import { type OptionFlags, optionsFor, type ServiceOptions } from "./options.ts";
import { assertOurs, readOurDefinition, sha256, sha256Of } from "./ours.ts";
import { otherName } from "./owner.ts";
import { type Ask, type Means, perform } from "./perform.ts";
import type { ServiceLayout } from "./layout.ts";
import { NotSettled, settledState, stateAt } from "./state.ts";
import {
  type Before,
  endSteps,
  type InstallOptions,
  installSteps,
  restartSteps,
  restoreSteps,
  type Step,
} from "./steps.ts";
import { outlineStep } from "./show_step.ts";
import { missingFolders, rememberFiles, type Undo } from "./undo.ts";
import { isCompiled } from "../version.ts";

export interface Talk {
  ask: Ask;
  say: (text: string) => void;
  warn: (text: string) => void;
}

export interface Plan {
  steps: Step[];
  credentials: StoredCredentials;
  options: ServiceOptions;
  /** The definition that is replaced. */
  earlier: string | null;
}

/** What an installation would do. Asks no service manager, and touches nothing. */
export async function planInstall(
  layout: ServiceLayout,
  flags: OptionFlags & IdentityFlags,
  { environment, ...talk }: Talk & { environment: Environment },
): Promise<Plan> {
  assertWritable(layout);
  await assertNoServerIn(layout);
  const manifest = await readManifest(layout);
  await assertFoldersFree(layout, manifest);
  const earlier = await readOurDefinition(layout, manifest);
  const self = Deno.execPath();
  if (self !== layout.program) await assertOurs(layout.program, manifest);
  const options = await optionsFor(layout, flags, earlier);
  const { credentials, isStored } = await credentialsFor(layout, flags, {
    environment,
    ...talk,
    insecureHttp: options.insecureHttp,
  });
  const program = isCompiled ? self : layout.program;
  const record = await recordInstallation(layout, { program, options, credentials, manifest });
  return {
    steps: installSteps(layout, program, {
      storesCredentials: !isStored,
      options,
      ...record,
      isUpgrade: earlier !== null,
    }),
    credentials,
    options,
    earlier,
  };
}

/** Every path of the layout may stand in the definition, where a line break would begin another line. */
function assertWritable({ folders, ...layout }: ServiceLayout): void {
  const broken = [...Object.values(layout), ...folders]
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    .find((value) => typeof value === "string" && /[\u0000-\u001f\u007f]/.test(value));
  if (broken === undefined) return;
  throw new CliError(
    "usage",
    `Cannot install the service: the path "${printable(String(broken))}" has a control character`,
    {
      hint: "set HOME, XDG_CONFIG_HOME and XDG_STATE_HOME to folders without one",
    },
  );
}

/** The manifest's two texts, and what is left of the earlier installation. */
async function recordInstallation(
  layout: ServiceLayout,
  { program, options, credentials: { url, agentId }, manifest: earlier }: {
    program: string;
    options: ServiceOptions;
    credentials: StoredCredentials;
    manifest: Manifest | null;
  },
): Promise<Pick<InstallOptions, "manifest" | "former">> {
  const unit = sha256(encodeDefinition(defineService(layout, options), layout.os === "windows"));
  const after = { program: [await sha256Of(program) || noHash], unit: [unit] };
  const during = {
    program: withEarlier(after.program, await sha256Of(layout.program)),
    unit: withEarlier(after.unit, await sha256Of(layout.unit)),
  };
  const missing = (await Promise.all([layout.program, layout.unit, layout.manifest].map(missingFolders)))
    .flat();
  const folders = [...new Set([...earlier?.folders ?? [], ...missing])].sort((a, b) => b.length - a.length);
  const text = (hashes: typeof after): string =>
    formatManifest(manifestOf(layout, { url, agentId, hashes, folders }));
  const former = [...earlier?.files ?? []].flatMap(([path, hashes]): [string, string[]][] =>
    hashes === null || path === layout.program || path === layout.unit ? [] : [[path, hashes]]
  );
  return { manifest: { during: text(during), after: text(after) }, former };
}

/** Of a program that is not there, in a dry run from source. */
const noHash = "0".repeat(64);

function withEarlier(hashes: string[], earlier: string | null): string[] {
  return earlier === null || earlier === "" ? hashes : [...new Set([...hashes, earlier])];
}

/**
 * Asks the service manager and the list of users, before anything is touched.
 *
 * @throws {CliError} when the manager does not answer, or the name is another service's or a user's
 */
export async function assertCanInstall(layout: ServiceLayout, ask: Ask): Promise<void> {
  const fault = await managerFault(layout, ask);
  if (fault !== null) {
    throw new CliError("unexpected", `Cannot install the service: its manager does not answer: ${fault}`, {
      hint: "start openclaw monitor by other means of this host",
    });
  }
  const elsewhere = await definedElsewhere(layout, ask);
  if (elsewhere === null) return await assertUserFree(layout, ask);
  throw new CliError("conflict", `Cannot install the service: another one of that name is in ${elsewhere}`, {
    hint: otherName,
  });
}

/**
 * All of it or nothing: when a step fails, or the new program does not keep running in the place of a service that did,
 * everything is put back. A first installation that does not keep running stays, so that its log can be read.
 */
export async function install(
  layout: ServiceLayout,
  { steps, credentials, earlier }: Plan,
  talk: Talk & Pick<Means, "announce">,
): Promise<string> {
  const { ask, announce, say } = talk;
  const before = { isDefined: earlier !== null, wasStarted: (await stateAt(layout, ask)).started };
  const means = { ask, credentials, ...(before.wasStarted && announce ? { announce } : {}) };
  const kept = await rememberFiles(layout, steps.some((step) => step.do === "copy program"));
  try {
    for (const step of steps) {
      say(outlineStep(step));
      await perform(step, means);
    }
    const state = await settledState(layout, ask);
    await forget(kept, talk);
    return state;
  } catch (error) {
    if (error instanceof NotSettled && !before.isDefined) await forget(kept, talk);
    else await undoAll(layout, before, { ...talk, kept });
    throw error;
  }
}

/**
 * Stops the service and starts it again. The server is told in between that the agent will be back.
 *
 * @throws {NotSettled} when it does not keep running
 */
export async function restart(
  layout: ServiceLayout,
  credentials: StoredCredentials,
  { ask, announce, say }: Talk & Pick<Means, "announce">,
): Promise<string> {
  const { started } = await stateAt(layout, ask);
  const means = { ask, credentials, ...(started && announce ? { announce } : {}) };
  for (const step of restartSteps(layout)) {
    say(outlineStep(step));
    await perform(step, means);
  }
  return await settledState(layout, ask);
}

/** A copy that cannot be removed does not fail the installation. */
async function forget(kept: Undo, { warn }: Talk): Promise<void> {
  try {
    await kept.forget();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`a copy of the program that was replaced stays: ${error.message}`);
  }
}

async function undoAll(
  layout: ServiceLayout,
  before: Before,
  { kept, ask, say, warn }: Talk & { kept: Undo },
): Promise<void> {
  try {
    // The service is stopped while its definition is still there.
    for (const step of endSteps(layout, before)) await perform(step, { ask });
    await kept.undo();
    for (const step of restoreSteps(layout, before)) await perform(step, { ask });
    say("nothing was changed: what had been done is undone");
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(`not all of it could be undone: ${error.message}`);
  }
}
