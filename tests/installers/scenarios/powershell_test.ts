import { powershell } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

// Its kills are in tests/long: each takes a start.
tellScenarios(powershell, { kills: 0 });
