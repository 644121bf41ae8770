import { join } from "node:path";
import { Host, type Language } from "../_support/installers.ts";
import { PowerShellSession } from "../_support/powershell.ts";
import { PythonSession } from "../_support/python_session.ts";
import { seededRandom } from "../_support/seed.ts";
import { findForEveryUser } from "../_support/tools.ts";
import { scenarios } from "./_list.ts";
import type { Scenario } from "./_scene.ts";
import { scenariosUnder } from "./_shells.ts";
import { type Step, testSteps } from "./_steps.ts";

interface Telling {
  kills: number;
  /**
   * What `scenariosUnder` tells the shell only, and of tables every fourth row: for a shell that runs the same script as
   * one for which all are told.
   */
  isRepetition?: boolean;
  /** Each run is a process of its own. Of PowerShell, only what takes that is told so. */
  isAlone?: boolean;
  /** Which of the list are told, if it is neither all nor what a repetition tells. */
  chosen?: readonly Scenario[];
}

function lackingForNobody({ extension, tools }: Language): string[] {
  const lacking = extension === "py" && Deno.uid() === 0
    ? tools.filter((tool) => findForEveryUser(tool) === null)
    : [];
  return lacking.map((tool) => `${tool} for every user`);
}

/** Where root may have them, the session has mounts of its own. */
const ownMounts = ["sh", "-c", 'unshare -m true 2>/dev/null && exec unshare -m "$@"; exec "$@"', "sh"];

/** Holds one way to run an installer to the list of scenarios, in a home of its own each, with one server for all. */
export function tellScenarios(
  language: Language,
  {
    kills,
    isRepetition = false,
    isAlone = false,
    chosen = isRepetition ? scenariosUnder(language) : scenarios,
  }: Telling,
): void {
  const name = `${language.name}, against a real server${isAlone ? ", with a process for each run" : ""}`;
  const some = <Row>(rows: Row[]): Row[] => isRepetition ? rows.filter((_, index) => index % 4 === 0) : rows;
  const isShared = language.extension === "ps1" && !isAlone;
  const forks = language.extension === "py" && !isAlone;
  const someAlone = isShared ? <Row>(rows: Row[]): Row[] => rows.slice(0, 1) : some;
  const told = language.extension === "ps1"
    ? chosen.filter(({ alone }) => isAlone ? alone : alone !== "only")
    : chosen;
  const sessions: PowerShellSession[] = [];
  const pythons: PythonSession[] = [];
  const steps = told.map(({ name: scenario, work, needs = [], asNobody, own }): Step => ({
    name: scenario,
    tools: [...language.tools, ...needs, ...asNobody ? lackingForNobody(language) : []],
    async work({ folder, ...given }) {
      await Deno.mkdir(join(folder, "home"));
      const random = seededRandom(`${name}: ${scenario}`);
      const tell = (how: Language): Promise<void> =>
        work({ ...given, host: new Host(how, folder), random, kills, some, someAlone });
      if (forks && own !== "process") return await tell({ ...language, forks: forking(join(folder, "..")) });
      if (!isShared || own === "process") return await tell(language);
      if (own === undefined) return await tell({ ...language, session: shared(join(folder, "..")) });
      await using session = new PowerShellSession(folder);
      await tell({ ...language, session });
    },
  }));
  testSteps(name, steps, {
    // Each start of PowerShell takes a second of CPU.
    async atTheEnd() {
      for (const session of [...sessions, ...pythons]) await session[Symbol.asyncDispose]();
    },
  });

  function shared(folder: string): PowerShellSession {
    const session = sessions[0] ?? new PowerShellSession(folder, { wrapper: ownMounts });
    if (sessions.length === 0) sessions.push(session);
    return session;
  }

  function forking(folder: string): PythonSession {
    const python = pythons[0] ?? new PythonSession(language.command, folder);
    if (pythons.length === 0) pythons.push(python);
    return python;
  }
}
