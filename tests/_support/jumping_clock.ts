import { type Clock, hostClock } from "../../cli/host/clock.ts";

/** Stands still while its process works, and skips what it would sleep: no test waits, and load makes nothing late. */
export function jumpingClock(): Clock {
  const begun = hostClock.wall();
  let passed = 0;
  return {
    monotonic: () => passed,
    wall: () => begun + passed,
    async sleep(seconds, signal) {
      // Signals and replies have their turn.
      await new Promise((resolve) => setTimeout(resolve));
      if (!signal.aborted) passed += seconds;
    },
  };
}
