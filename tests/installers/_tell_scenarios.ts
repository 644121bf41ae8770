import { join } from "node:path";
import { Host, type Language } from "../_support/installers.ts";
import { seededRandom } from "../_support/seed.ts";
import { scenarios } from "./_scenarios.ts";
import { type Step, testSteps } from "./_steps.ts";

interface Telling {
  kills: number;
  /** Of tables every fourth row only: for a shell that runs the same script as one for which all are told. */
  isRepetition?: boolean;
}

/** Holds one way to run an installer to the list of scenarios, in a home of its own each, with one server for all. */
export function tellScenarios(language: Language, { kills, isRepetition = false }: Telling): void {
  const name = `${language.name}, against a real server`;
  const some = <Row>(rows: Row[]): Row[] => isRepetition ? rows.filter((_, index) => index % 4 === 0) : rows;
  const steps = scenarios.map(({ name: scenario, work, needs = [] }): Step => ({
    name: scenario,
    tools: [...language.tools, ...needs],
    async work({ folder, ...given }) {
      await Deno.mkdir(join(folder, "home"));
      const random = seededRandom(`${name}: ${scenario}`);
      await work({ ...given, host: new Host(language, folder), random, kills, some });
    },
  }));
  testSteps(name, steps);
}
