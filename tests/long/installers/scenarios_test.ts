import { type Language, languages, powershell, python } from "../../_support/installers.ts";
import { seededRandom, share } from "../../_support/seed.ts";
import { scenarios } from "../../installers/_list.ts";
import type { Scenario } from "../../installers/_scene.ts";
import { tellScenarios } from "../../installers/_tell_scenarios.ts";

// All rows of all tables under every shell, and kills at many more random moments.
for (const language of languages) {
  const isAlone = language === python;
  tellScenarios(language, { kills: share(100), chosen: chooseFor(language), isAlone });
}
tellScenarios(powershell, { kills: 0, chosen: chooseFor(powershell) });
// A start of PowerShell is slow by nature. Of these, only the kills are fewer in a share.
tellScenarios(powershell, { kills: share(20), isAlone: true });

/** The share of the list that is told, with the kills always in it. */
function chooseFor({ name }: Language): Scenario[] {
  const random = seededRandom(`the scenarios of ${name}`);
  const others = scenarios.filter(({ name }) => !name.startsWith("killed at random moments"));
  const kept = share(others.length);
  if (kept === others.length) return scenarios;
  const drawn = others.map((one) => ({ one, at: random.next() })).sort((a, b) => a.at - b.at).slice(0, kept);
  return scenarios.filter((one) => !others.includes(one) || drawn.some(({ one: picked }) => picked === one));
}
