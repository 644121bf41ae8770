/** The two clocks of a host, in seconds, and a way to wait. */
export interface Clock {
  /** Never goes back; may stand still while the host is suspended. */
  monotonic: () => number;
  /** A hint only: it can be set. */
  wall: () => number;
  /** Resolves when the time is over or the signal says so; never rejects. */
  sleep: (seconds: number, signal: AbortSignal) => Promise<void>;
}

export const hostClock: Clock = {
  monotonic: () => performance.now() / 1000,
  wall: () => Date.now() / 1000,
  sleep(seconds, signal) {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return Promise.resolve();
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, seconds * 1000);
    signal.addEventListener("abort", wake);
    return promise;
  },
};
