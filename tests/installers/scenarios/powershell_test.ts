import { powershell } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

tellScenarios(powershell, { kills: 4 });
