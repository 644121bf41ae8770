/**
 * Does the work with every `setTimeout` of a second and more over after `milliseconds`, and returns the
 * delays that were asked for.
 */
export async function withoutWaiting(work: () => Promise<void>, milliseconds = 0): Promise<number[]> {
  const real = globalThis.setTimeout;
  const delays: number[] = [];
  Reflect.set(globalThis, "setTimeout", (callback: () => void, delay: number) => {
    delays.push(delay);
    return real(callback, delay < 1000 ? delay : milliseconds);
  });
  try {
    await work();
  } finally {
    Reflect.set(globalThis, "setTimeout", real);
  }
  return delays;
}
