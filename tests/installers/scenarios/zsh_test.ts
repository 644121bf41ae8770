import { zsh } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

tellScenarios(zsh, { kills: 4, isRepetition: true });
