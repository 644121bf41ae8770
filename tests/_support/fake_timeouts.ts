/** Timeouts that pass only when a test says so. */
export interface FakeTimeouts extends Disposable {
  /** Those that were asked for, in milliseconds. */
  asked: number[];
  /** Lets all timeouts of this length pass. */
  pass: (milliseconds: number) => void;
}

/** Takes the place of `AbortSignal.timeout` until the end of the block: a test of 15 s neither waits nor measures. */
export function fakeTimeouts(): FakeTimeouts {
  const plain = AbortSignal.timeout;
  const asked: number[] = [];
  const waiting: { milliseconds: number; controller: AbortController }[] = [];
  AbortSignal.timeout = (milliseconds) => {
    const controller = new AbortController();
    asked.push(milliseconds);
    waiting.push({ milliseconds, controller });
    return controller.signal;
  };
  return {
    asked,
    pass(milliseconds) {
      for (const one of waiting) {
        if (one.milliseconds !== milliseconds) continue;
        one.controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
      }
    },
    [Symbol.dispose]: () => void (AbortSignal.timeout = plain),
  };
}
