import type { Scenario } from "./_scene.ts";
import { commandLine } from "./scenarios/_command_line.ts";
import { enrolling } from "./scenarios/_enrolling.ts";
import { host } from "./scenarios/_host.ts";
import { identity } from "./scenarios/_identity.ts";
import { installing } from "./scenarios/_installing.ts";
import { interruptions } from "./scenarios/_interruptions.ts";
import { neighbors } from "./scenarios/_neighbors.ts";
import { program } from "./scenarios/_program.ts";
import { server } from "./scenarios/_server.ts";
import { uninstalling } from "./scenarios/_uninstalling.ts";

/** The one list that all installers are held to. */
export const scenarios: Scenario[] = [
  ...installing,
  ...commandLine,
  ...identity,
  ...server,
  ...program,
  ...neighbors,
  ...uninstalling,
  ...host,
  ...interruptions,
  ...enrolling,
];
