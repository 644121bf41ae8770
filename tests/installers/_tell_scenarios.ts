import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { Host, type Language } from "../_support/installers.ts";
import { seededRandom } from "../_support/seed.ts";
import { startServerProcess, temporaryFolder } from "../_support/server.ts";
import { isInstalled, testWith } from "../_support/tools.ts";
import { type Scenario, scenarios } from "./_scenarios.ts";

interface Telling {
  /** Those of the list that are told; all, if nothing is said. */
  told?: Scenario[];
  kills: number;
  /** Of tables every fourth row only: for a shell that runs the same script as one for which all are told. */
  isRepetition?: boolean;
}

/** How many scenarios of a language run side by side. */
const sideBySide = 3;

/** Holds one way to run an installer to the list of scenarios, in a home of its own each, with one server for all. */
export function tellScenarios(
  language: Language,
  { told = scenarios, kills, isRepetition = false }: Telling,
): void {
  const name = `${language.name}, against a real server`;
  testWith(language.tools, name, async (context) => {
    await using folder = await temporaryFolder();
    await using server = await startServerProcess({ data: join(folder.path, "data") });
    const given = {
      fleet: new FleetClient(server.base, server.operatorKey),
      url: server.url,
      random: seededRandom(name),
      kills,
      some: <Row>(rows: Row[]): Row[] => isRepetition ? rows.filter((_, index) => index % 4 === 0) : rows,
    };
    const left = Array.from(told.entries());
    const tell = async ([index, scenario]: [number, Scenario]): Promise<void> => {
      const own = join(folder.path, String(index));
      await Deno.mkdir(join(own, "home"), { recursive: true });
      await scenario.work({ ...given, host: new Host(language, own) });
    };
    await Promise.all(Array.from({ length: sideBySide }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const one = next;
        await context.step({ ...stepOf(one[1]), fn: () => tell(one) });
      }
    }));
  });
}

/** Steps that run at once cannot each watch what the others open. */
function stepOf({ name, needs = [] }: Scenario): Omit<Deno.TestStepDefinition, "fn"> {
  const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const missing = needs.filter((tool) => !isInstalled(tool));
  if (missing.length === 0 || Deno.env.get("OPENCLAW_REQUIRE") === "all") return { name, ...together };
  return { name: `LEFT OUT, there is no ${missing.join(", ")} here: ${name}`, ignore: true, ...together };
}
