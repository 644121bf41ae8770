import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseUrl } from "../config.ts";
import { readIdentity, type StoredCredentials } from "../credentials.ts";
import { AnsweredNo, CliError } from "../errors.ts";
import { answer, answerJson, say, warn } from "../output.ts";
import { giveUp } from "../permissions.ts";
import type { Environment } from "../places.ts";
import { readIfThere } from "../private_file.ts";
import { assertProgramIsOurs, assertUnitIsOurs } from "../service/ours.ts";
import { askHost, perform } from "../service/perform.ts";
import { type Place, placeOf } from "../service/place.ts";
import { stateAt } from "../service/state.ts";
import { installSteps, logWords, showStep, type Step, uninstallSteps } from "../service/steps.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

interface ServiceFlags {
  user?: true;
  dryRun?: true;
  json?: true;
}

type InstallFlags = ServiceFlags & AgentFlags;

const example = `
Examples:
  sudo openclaw service install --url https://fleet.example.com --agent-id 00000000-0000-4000-8000-000000000000 --agent-secret-file -
  openclaw service install --user --dry-run
`;

/** Adds `openclaw service`: the monitor as a service of this host. */
export function addService(program: Command, environment: Environment): void {
  const service = program.command("service")
    .description("run the monitor as a service of this host: systemd, launchd or a Windows task")
    .addHelpText("after", example);
  const install = service.command("install").description("install the service, or bring it to this version")
    .addHelpText("after", example);
  const uninstall = service.command("uninstall").description("remove the service and everything it left")
    .addHelpText("after", "\nExample:\n  sudo openclaw service uninstall --dry-run\n");
  const status = service.command("status").description(
    "tell whether the service is installed and runs (exit code 0)",
  )
    .addHelpText("after", "\nExample:\n  openclaw service status --user\n");
  const logs = service.command("logs").description("show the service's last lines")
    .addHelpText("after", "\nExample:\n  openclaw service logs --lines 20 --follow\n");
  for (const command of [install, uninstall, status, logs]) command.addOption(userOption());
  for (const command of [install, uninstall]) {
    command.addOption(new Option("--dry-run", "show what would be done, and do nothing"));
  }
  for (const option of agentOptions()) install.addOption(option);
  uninstall.addOption(
    new Option("--keep-credentials", "leave the credentials and the session where they are"),
  );
  for (const command of [install, uninstall, status]) command.addOption(jsonOption());
  logs.addOption(new Option("--lines <number>", "how many (default: 50)").argParser(parseLines))
    .addOption(new Option("--follow", "go on showing new ones"));
  install.action((flags: InstallFlags) => installService(flags, environment));
  uninstall.action((flags: ServiceFlags & { keepCredentials?: true }) =>
    uninstallService(flags, environment)
  );
  status.action((flags: ServiceFlags) => showState(flags, environment));
  logs.action((flags: ServiceFlags & { lines?: number; follow?: true }) => showLogs(flags, environment));
}

function userOption(): Option {
  return new Option("--user", "the service of this user, not of the whole system");
}

async function installService(flags: InstallFlags, environment: Environment): Promise<void> {
  await giveUp("service");
  const place = here(flags, environment);
  await assertUnitIsOurs(place);
  const program = Deno.execPath();
  const isCompiled = Deno.build.standalone;
  if (!isCompiled && !flags.dryRun) {
    throw new CliError(
      "usage",
      "Cannot install a service that runs from source: the compiled program is wanted",
      {
        hint: "deno task compile && dist/openclaw service install",
      },
    );
  }
  if (program !== place.program) await assertProgramIsOurs(place.program);
  const credentials = await credentialsFor(place, flags, environment);
  const steps = installSteps(place, isCompiled ? program : place.program, credentials !== null);
  await follow(steps, { flags, credentials });
  if (flags.dryRun) return;
  const state = await settledState(place);
  if (flags.json) answerJson({ installed: true, running: true, unit: place.unit, program: place.program });
  else say(`installed ${place.unit}: ${state}`);
  if (place.os === "linux" && place.scope === "user") {
    say("it ends when you log out, unless: loginctl enable-linger");
  }
}

/** A manager says of a program that ends at once, too, that it was started: two seconds later it knows. */
async function settledState(place: Place): Promise<string> {
  for (let looks = 0;; looks++) {
    const { running, text } = await stateAt(place);
    if (!running) {
      throw new CliError("unexpected", `Cannot keep the service running: it is "${text}" after its start`, {
        hint: `openclaw service logs${place.scope === "user" ? " --user" : ""}`,
      });
    }
    if (looks === 4) return text;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The credentials to store, or null when the service has its own already and no others are given. */
async function credentialsFor(
  place: Place,
  flags: InstallFlags,
  environment: Environment,
): Promise<StoredCredentials | null> {
  const given = [flags.agentId, flags.agentSecret, flags.agentSecretFile].some((flag) => flag !== undefined);
  if (!given && await readIfThere(place.credentials) !== null) return null;
  const identity = await readIdentity(flags, { environment, warn });
  if (identity.path === place.credentials) return null;
  const url = flags.url ?? environment("OPENCLAW_URL") ?? identity.url;
  if (url === null) {
    throw new CliError("usage", "Cannot install the service: --url is missing", {
      hint: "openclaw service install --url https://fleet.example.com",
    });
  }
  return { ...identity, url: parseUrl(url, { insecureHttp: flags.insecureHttp === true }) };
}

async function uninstallService(
  flags: ServiceFlags & { keepCredentials?: true },
  environment: Environment,
): Promise<void> {
  await giveUp("service");
  const place = here(flags, environment);
  const installed = await assertUnitIsOurs(place);
  await assertProgramIsOurs(place.program);
  const all = uninstallSteps(place, { keepCredentials: flags.keepCredentials === true });
  // Where there is no unit there is no service to stop, but there may be files.
  const steps = installed ? all : all.filter((step) => step.do !== "run");
  await follow(steps, { flags, credentials: null });
  if (flags.dryRun) return;
  const left = await findLeft(steps);
  if (flags.json) answerJson({ removed: true, left });
  else say(left.length === 0 ? "looked again: nothing is left" : `still there: ${left.join(", ")}`);
  if (place.os === "windows") {
    say(`remove the program yourself, a program that runs cannot: ${place.program}`);
  }
  if (left.length > 0) throw new AnsweredNo("unexpected");
}

async function follow(
  steps: Step[],
  { flags, credentials }: { flags: ServiceFlags; credentials: StoredCredentials | null },
): Promise<void> {
  if (flags.dryRun) {
    if (flags.json) answerJson({ dry_run: true, steps: steps.map((step) => ({ ...step })) });
    else for (const step of steps) answer(showStep(step));
    return;
  }
  for (const step of steps) {
    if (!flags.json) say(showStep(step).split(":\n")[0] ?? "");
    await perform(step, credentials, askHost);
  }
}

async function findLeft(steps: Step[]): Promise<string[]> {
  const left: string[] = [];
  for (const step of steps) {
    if (step.do !== "remove" && step.do !== "remove program") continue;
    try {
      await Deno.lstat(step.path);
      left.push(step.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return left;
}

async function showState(flags: ServiceFlags, environment: Environment): Promise<void> {
  await giveUp("service");
  const place = here(flags, environment);
  const { installed, running, text } = await stateAt(place);
  if (flags.json) answerJson({ installed, running, state: text, unit: place.unit });
  else answer(text);
  if (!running) throw new AnsweredNo(installed ? "unexpected" : "notFound");
}

async function showLogs(
  flags: ServiceFlags & { lines?: number; follow?: true },
  environment: Environment,
): Promise<void> {
  await giveUp("service");
  const place = here(flags, environment);
  if (!await assertUnitIsOurs(place)) {
    throw new CliError("notFound", `Cannot show the service's lines: "${place.unit}" is not there`, {
      hint: "openclaw service install",
    });
  }
  const [program = "", ...args] = logWords(place, {
    lines: flags.lines ?? 50,
    follow: flags.follow === true,
  });
  const { code } = await new Deno.Command(program, { args, stdin: "null" }).spawn().status;
  if (code !== 0) throw new AnsweredNo("unexpected");
}

function here({ user }: ServiceFlags, environment: Environment): Place {
  return placeOf(environment, { os: Deno.build.os, user: user === true, uid: Deno.uid() ?? 0 });
}

function parseLines(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A whole number is wanted.");
}
