import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { CliError, NegativeResult } from "../../terminal/errors.ts";
import { answer, answerJson, say, warn } from "../../terminal/output.ts";
import { confirm, mayAsk } from "../../terminal/prompt.ts";
import { withRealFolders } from "../../host/real_folder.ts";
import { giveUp } from "../../host/permissions.ts";
import type { Environment } from "../../host/paths.ts";
import { assertCanInstall, install, planInstall, restart } from "../../service/install.ts";
import { storedAt } from "../../service/credentials.ts";
import type { StoredCredentials } from "../../identity/credentials.ts";
import { readManifest } from "../../service/manifest.ts";
import { readOurDefinition } from "../../service/ours.ts";
import { sortNames } from "../../service/own_files.ts";
import { childEnvironment } from "../../host/child_environment.ts";
import { askHost, perform } from "../../service/perform.ts";
import { type ServiceLayout, serviceLayout } from "../../service/layout.ts";
import { type LifeOptions, lifeWords, noOptions, optionsOf } from "../../service/options.ts";
import { stateAt } from "../../service/state.ts";
import { logCommand } from "../../service/manager_commands.ts";
import { outlineStep, showStep } from "../../service/show_step.ts";
import { askForSecondName, secondNameSteps } from "../../service/second_name.ts";
import type { Step } from "../../service/steps.ts";
import { findAt, findKept, findLeft, planRemoval, type Removal } from "../../service/uninstall.ts";
import { announceReturn } from "./_announce.ts";
import { type AgentFlags, agentOptions, jsonOption, type LifeFlags, lifeOptions } from "./_options.ts";
import { isCompiled } from "../../version.ts";

interface ServiceFlags {
  user?: true;
  dryRun?: true;
  json?: true;
}

type InstallFlags = ServiceFlags & AgentFlags & LifeFlags & { secondName?: boolean };

const example = `
Examples:
  sudo openclaw service install --url https://fleet.example.com --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file -
  sudo openclaw service install --watch openclaw
  openclaw service install --user --dry-run
`;

/** Adds `openclaw service`: the monitor as a service of this host. */
export function addService(program: Command, environment: Environment): void {
  const service = program.command("service")
    .description("run the monitor as a service of this host: systemd, launchd or a Windows task")
    .addHelpText("after", example);
  const installing = service.command("install").description(
    "install the service, or bring it to this version",
  )
    .addHelpText("after", example);
  const uninstall = service.command("uninstall").description("remove the service and all that is its own")
    .addHelpText("after", "\nExample:\n  sudo openclaw service uninstall --dry-run\n");
  const restarting = service.command("restart").description(
    "stop the service and start it again; the server hears that the agent will be back in two minutes",
  )
    .addHelpText("after", "\nExample:\n  sudo openclaw service restart\n");
  const status = service.command("status").description(
    "show whether the service is installed and runs (exit code 0)",
  )
    .addHelpText("after", "\nExample:\n  openclaw service status --user\n");
  const logs = service.command("logs").description("show the last lines of the service's log")
    .addHelpText("after", "\nExample:\n  openclaw service logs --lines 20 --follow\n");
  for (const command of [installing, uninstall, restarting, status, logs]) command.addOption(userOption());
  for (const command of [installing, uninstall]) {
    command.addOption(new Option("--dry-run", "show what would be done, and do nothing"));
  }
  for (const option of [...agentOptions(), ...lifeOptions(), ...secondNameOptions()]) {
    installing.addOption(option);
  }
  uninstall.addOption(
    new Option("--keep-credentials", "leave the credentials and the session where they are"),
  );
  for (const command of [installing, uninstall, restarting, status]) command.addOption(jsonOption());
  logs.addOption(new Option("--lines <number>", "how many (default: 50)").argParser(parseLines))
    .addOption(new Option("--follow", "keep showing new ones"));
  installing.action((flags: InstallFlags) => installService(flags, environment));
  uninstall.action((flags: ServiceFlags & { keepCredentials?: true }) =>
    uninstallService(flags, environment)
  );
  restarting.action((flags: ServiceFlags) => restartService(flags, environment));
  status.action((flags: ServiceFlags) => showState(flags, environment));
  logs.action((flags: ServiceFlags & { lines?: number; follow?: true }) => showLogs(flags, environment));
}

function userOption(): Option {
  return new Option("--user", "the service of this user, not of the whole system");
}

function secondNameOptions(): Option[] {
  return [
    new Option("--second-name", "call the program openclaw, too, where no other program is called so"),
    new Option("--no-second-name", "take that second name away"),
  ];
}

async function installService(flags: InstallFlags, environment: Environment): Promise<void> {
  await giveUp("service");
  const layout = here(flags, environment);
  assertMayDo("install", layout, flags);
  const talk = { ask: askHost, say: flags.json ? () => undefined : say, warn };
  const plan = await planInstall(layout, flags, { environment, ...talk });
  if (flags.dryRun) {
    const { steps } = await secondNameSteps(layout, flags.secondName, environment);
    return await showSteps([...plan.steps, ...steps], flags);
  }
  if (!isCompiled) {
    throw new CliError(
      "usage",
      "Cannot install a service that runs from source: it needs the compiled program",
      {
        hint: "deno task compile && dist/openclaw service install",
      },
    );
  }
  await assertCanInstall(layout, askHost);
  const wanted = plan.earlier === null ? await wantedName(layout, flags, environment) : flags.secondName;
  const second = await secondNameSteps(layout, wanted, environment);
  const announce = (credentials: StoredCredentials) =>
    announceReturn(credentials, plan.options, { environment, warn });
  const state = await install(layout, plan, { ...talk, announce });
  for (const step of second.steps) await perform(step, { ask: askHost });
  if (second.remark !== null) talk.say(second.remark);
  if (flags.json) answerJson({ installed: true, running: true, unit: layout.unit, program: layout.program });
  else say(`installed ${layout.unit}: ${state}`);
  if (layout.os === "linux" && layout.scope === "user") {
    say("it ends when you log out, unless: loginctl enable-linger");
  }
  warnOfVariables(layout, environment);
}

async function restartService(flags: ServiceFlags, environment: Environment): Promise<void> {
  await giveUp("service");
  const layout = here(flags, environment);
  assertMayDo("restart", layout, flags);
  const credentials = await readOurDefinition(layout, await readManifest(layout)) === null
    ? null
    : await storedAt(layout.credentials);
  if (credentials === null) {
    throw new CliError("notFound", `Cannot restart the service: "${layout.unit}" is not installed`, {
      hint: "openclaw service install",
    });
  }
  const options = await optionsOf(layout);
  const talk = { ask: askHost, say: flags.json ? () => undefined : say, warn };
  const announce = (stored: StoredCredentials) => announceReturn(stored, options, { environment, warn });
  const state = await restart(layout, credentials, { ...talk, announce });
  if (flags.json) answerJson({ running: true, unit: layout.unit });
  else say(`restarted ${layout.unit}: ${state}`);
}

/** What the flags say of the second name, else an answer at a terminal. */
async function wantedName(
  layout: ServiceLayout,
  { secondName, json }: InstallFlags,
  environment: Environment,
): Promise<boolean | undefined> {
  if (secondName !== undefined || json || !mayAsk(environment)) return secondName;
  const ask = (question: string): Promise<boolean> => confirm(question, environment);
  return await askForSecondName(layout, { ask, environment });
}

/** A shell's variables are not the service's. */
function warnOfVariables({ environmentFile }: ServiceLayout, environment: Environment): void {
  const names = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"];
  const set = names.filter((name) => environment(name) !== undefined);
  if (set.length === 0) return;
  const where = environmentFile === "" ? "" : `: what it needs of them goes into ${environmentFile}`;
  warn(`the service does not see ${set.join(", ")} of this shell${where}`);
}

function assertMayDo(what: string, { os, scope, uid }: ServiceLayout, { dryRun }: ServiceFlags): void {
  if (os === "windows" || scope === "user" || uid === 0) return;
  if (dryRun) return warn("only root may do this");
  throw new CliError("usage", `Cannot ${what} the service of the whole system: only root may do that`, {
    hint: `sudo openclaw service ${what}, or openclaw service ${what} --user`,
  });
}

async function uninstallService(
  flags: ServiceFlags & { keepCredentials?: true },
  environment: Environment,
): Promise<void> {
  await giveUp("service");
  const layout = here(flags, environment);
  assertMayDo("uninstall", layout, flags);
  const keepCredentials = flags.keepCredentials === true;
  const removal = await planRemoval(layout, { keepCredentials, ask: flags.dryRun ? null : askHost });
  if (flags.dryRun) return await showSteps(removal.steps, flags);
  if (removal.unasked !== null) warn(`the service manager is not asked to stop it: ${removal.unasked}`);
  for (const step of removal.steps) {
    if (!flags.json && await isWorthALine(step)) say(outlineStep(step));
    await perform(step, { ask: askHost });
  }
  const left = await findLeft(layout, removal, askHost);
  const kept = await findKept(layout, removal.steps);
  if (flags.json) answerJson({ removed: left.length === 0, left, kept });
  else say(`looked again: ${verdict(left, { removal, keepCredentials })}`);
  if (!flags.json && kept.length > 0) {
    say(`kept; remove it yourself if you do not need it: ${kept.join(", ")}`);
  }
  if (left.length > 0) throw new NegativeResult("unexpected");
}

/** A step that removes nothing is not worth a line. */
async function isWorthALine(step: Step): Promise<boolean> {
  return step.do === "run" || step.do === "wait until gone" || (await findAt(step)).length > 0;
}

function verdict(
  left: string[],
  { removal, keepCredentials }: { removal: Removal; keepCredentials: boolean },
): string {
  if (left.length > 0) return `still there: ${left.join(", ")}`;
  const what = removal.unasked === null || removal.isElsewhere ? "nothing" : "no file";
  return `${what} is left${keepCredentials ? " but the credentials" : ""}`;
}

async function showSteps(steps: Step[], { json }: ServiceFlags): Promise<void> {
  if (json) return answerJson({ dry_run: true, steps });
  for (const step of steps) {
    answer(showStep(step));
    if (step.do === "remove own files") { for (const name of await namesToShow(step)) answer(`    ${name}`); }
  }
}

async function namesToShow({ folder, names }: { folder: string; names: string[] }): Promise<string[]> {
  try {
    return (await sortNames(folder, names)).ours;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return ["only root can see which ones"];
    throw error;
  }
}

async function showState(flags: ServiceFlags, environment: Environment): Promise<void> {
  await giveUp("service");
  const layout = here(flags, environment);
  const { installed, running, text } = await stateAt(layout);
  const options = installed ? await optionsOf(layout) : noOptions;
  if (flags.json) {
    answerJson({ installed, running, state: text, unit: layout.unit, ...inJson(options) });
  } else for (const line of [text, ...lifeWords(options)]) answer(line);
  if (!running) throw new NegativeResult(installed ? "unexpected" : "notFound");
}

function inJson(
  { watch, probeUrl, statusCommand, metricsCommand, rotateEvery, progressFile, backIn }: LifeOptions,
): object {
  return {
    watch,
    probe_url: probeUrl,
    status_command: statusCommand,
    metrics_command: metricsCommand,
    rotate_every: rotateEvery,
    progress_file: progressFile,
    back_in_seconds: backIn === null ? null : Number(backIn),
  };
}

async function showLogs(
  flags: ServiceFlags & { lines?: number; follow?: true },
  environment: Environment,
): Promise<void> {
  await giveUp("service");
  const layout = here(flags, environment);
  if (await readOurDefinition(layout, await readManifest(layout)) === null) {
    throw new CliError("notFound", `Cannot show the service's log: "${layout.unit}" is not there`, {
      hint: "openclaw service install",
    });
  }
  const [program = "", ...args] = logCommand(layout, {
    lines: flags.lines ?? 50,
    follow: flags.follow === true,
  });
  const options = { args, stdin: "null", clearEnv: true, env: childEnvironment() } as const;
  const { code } = await new Deno.Command(program, options).spawn().status;
  if (code !== 0) throw new NegativeResult("unexpected");
}

function here({ user }: ServiceFlags, environment: Environment): ServiceLayout {
  return serviceLayout(withRealFolders(environment), {
    os: Deno.build.os,
    user: user === true,
    uid: Deno.uid() ?? 0,
  });
}

function parseLines(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a whole number.");
}
