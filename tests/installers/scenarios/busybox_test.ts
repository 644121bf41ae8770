import { busybox } from "../../_support/installers.ts";
import { tellScenarios } from "../_tell_scenarios.ts";

tellScenarios(busybox, { kills: 4, isRepetition: true });
