import { join } from "node:path";
import { Host, type Language } from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { seededRandom } from "../_support/seed.ts";
import { scenarios } from "./_list.ts";
import type { Scenario } from "./_scenarios.ts";
import { scenariosUnder } from "./_shells.ts";
import { type Step, testSteps } from "./_steps.ts";

interface Telling {
  kills: number;
  /**
   * What `scenariosUnder` tells the shell only, and of tables every fourth row: for a shell that runs the same script as
   * one for which all are told.
   */
  isRepetition?: boolean;
  /** Which of the list are told, if it is neither all nor what a repetition tells. */
  chosen?: readonly Scenario[];
}

/** Holds one way to run an installer to the list of scenarios, in a home of its own each, with one server for all. */
export function tellScenarios(
  language: Language,
  { kills, isRepetition = false, chosen = isRepetition ? scenariosUnder(language) : scenarios }: Telling,
): void {
  const name = `${language.name}, against a real server`;
  const some = <Row>(rows: Row[]): Row[] => isRepetition ? rows.filter((_, index) => index % 4 === 0) : rows;
  const sessions: PowerShellSession[] = [];
  const steps = chosen.map(({ name: scenario, work, needs = [], own = false }): Step => ({
    name: scenario,
    tools: [...language.tools, ...needs],
    async work({ folder, ...given }) {
      await Deno.mkdir(join(folder, "home"));
      const random = seededRandom(`${name}: ${scenario}`);
      const how = language.extension === "ps1" && !own ? inSession(language, folder) : language;
      await work({ ...given, host: new Host(how, folder), random, kills, some });
    },
  }));
  testSteps(name, steps, {
    // Each start of PowerShell takes a second of CPU.
    async atTheEnd() {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    },
  });

  function inSession(plain: Language, folder: string): Language {
    const session = sessions[0] ?? new PowerShellSession(join(folder, ".."));
    if (sessions.length === 0) sessions.push(session);
    return { ...plain, session };
  }
}
