import { bash } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

tellScenarios(bash, { kills: 4, isRepetition: true });
