import { type Command, Option } from "@commander-js/extra-typings";
import { listAgents } from "../api/operator/agents.ts";
import type { Environment } from "../host/paths.ts";
import { giveUp } from "../host/permissions.ts";
import { openOperator } from "../operator/operator.ts";
import { type DashboardServer, startDashboard } from "../serve/dashboard_server.ts";
import { StartError } from "../serve/start_error.ts";
import { CliError } from "../terminal/errors.ts";
import { answer, say, warn } from "../terminal/output.ts";
import { connectionOptions } from "./agent/_options.ts";
import { BrowserPage } from "./_browser.ts";
import type { OperatorFlags } from "./fleet/_options.ts";
import { unwrap } from "./fleet/_outcome.ts";
import { numberBetween } from "./fleet/_values.ts";

interface Flags extends OperatorFlags {
  port?: number | undefined;
  open: boolean;
}

const notes = `
The page is on this host only, and asks the server by itself, with your key or login. The address has a code that is
good once, and for two minutes: nobody is answered without it. It runs until Ctrl-C.

Examples:
  openclaw dashboard
  openclaw dashboard --url https://ref.supabase.co --port 8080 --no-open
`;

/** Adds `openclaw dashboard`: the page of a server that is elsewhere. */
export function addDashboard(program: Command, environment: Environment): void {
  const command = program.command("dashboard")
    .description("show the fleet of any server in a browser of this host")
    .addOption(
      new Option("--port <number>", "listen on this port; any free one, if it is left out")
        .argParser(numberBetween(1, 65_535)),
    )
    .option("--no-open", "only print the address, and open no browser")
    .addHelpText("after", notes);
  for (const option of connectionOptions()) command.addOption(option);
  command.action((flags: Flags) => dashboard(flags, environment));
}

async function dashboard(flags: Flags, environment: Environment): Promise<void> {
  await giveUp("dashboard");
  const operator = await openOperator(flags, { environment, warn });
  unwrap(await listAgents(operator, { limit: 1 }), operator);
  const page = new BrowserPage();
  const server = await start(() =>
    startDashboard(operator, { port: flags.port ?? 0, onEntry: () => page.remove() })
  );
  const stopped = stopSignal();
  const address = server.makeAddress();
  answer(address);
  say(`the page of ${operator.url}; the address is good once, and for two minutes; leave: Ctrl-C`);
  if (flags.open && hasScreen(environment)) await page.open(address, say);
  await Deno.permissions.revoke({ name: "run" });
  await stopped;
  page.remove();
  await server.stop();
}

async function start(make: () => Promise<DashboardServer>): Promise<DashboardServer> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new CliError(error.failure, error.message, { hint: "openclaw dashboard", cause: error });
  }
}

/** Whether somebody sees a browser that is opened here. */
function hasScreen(environment: Environment): boolean {
  if (!Deno.stdout.isTerminal() || environment("SSH_CONNECTION") !== undefined) return false;
  if (Deno.build.os !== "linux") return true;
  return [environment("DISPLAY"), environment("WAYLAND_DISPLAY")].some((display) => display !== undefined);
}

/** Resolves at the first signal to stop. A later one ends the program at once. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const isWindows = Deno.build.os === "windows";
  const signals: Deno.Signal[] = isWindows ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  let isAsked = false;
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      if (isAsked) Deno.exit(1);
      isAsked = true;
      resolve();
    });
  }
  return promise;
}
