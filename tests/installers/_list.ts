import { enrollScenarios } from "./_enroll_scenarios.ts";
import { type Scenario, scenarios as others } from "./_scenarios.ts";

/** The one list that all installers are held to. */
export const scenarios: Scenario[] = [...others, ...enrollScenarios];
