import type { Fleet, FleetOptions, Stage } from "./stage.ts";

/** A whole story over HTTP, told in the same words on every backend. */
export interface Story {
  name: string;
  play: (stage: Stage) => Promise<void>;
}

/** A story on a fleet of its own. */
export function told(
  name: string,
  play: (fleet: Fleet) => Promise<void>,
  options: FleetOptions = {},
): Story {
  return { name, play: (stage) => stage.withFleet(options, play) };
}
