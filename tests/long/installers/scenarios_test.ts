import { languages } from "../../_support/installers.ts";
import { share } from "../../_support/seed.ts";
import { tellScenarios } from "../../installers/_tell_scenarios.ts";

// All rows of all tables under every shell, and kills at many more random moments.
for (const language of languages) tellScenarios(language, { kills: share(100) });
