import type { Fleet, OwnFleet, Stage } from "./stage.ts";

/** A whole story over HTTP, told in the same words on every backend. */
export interface Story {
  name: string;
  play: (stage: Stage) => Promise<void>;
}

/** A story on the fleet that all of them share, which is empty when it begins. */
export function told(name: string, play: (fleet: Fleet) => Promise<void>): Story {
  return { name, play: (stage) => stage.withFleet(play) };
}

/** A story of the server's process, which has a fleet of its own. */
export function toldOfProcess(
  name: string,
  play: (fleet: OwnFleet) => Promise<void>,
  env: Record<string, string> = {},
): Story {
  return { name, play: (stage) => stage.withOwnFleet(env, play) };
}
