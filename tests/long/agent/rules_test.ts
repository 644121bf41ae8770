import { liveByTheRules } from "../../_support/rules_witness.ts";
import { seededRandom, share } from "../../_support/seed.ts";

const name = "client rules over a million simulated hours: never a storm, never silence, never too soon";
Deno.test(name, () => liveByTheRules({ hours: share(1_000_000), random: seededRandom(name).next }));
