import { python } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

tellScenarios(python, { kills: 20 });
