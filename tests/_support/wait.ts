/** For a time that has to pass because it is what the test is about; whatever can be waited for uses `until`. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Asks until the answer is something; throws when it is still null or false after `timeoutMs`. That is the end of a test
 * that fails: it is far more than the busiest machine takes.
 */
export async function until<Value>(
  what: string,
  ask: () => Promise<Value | null | false> | Value | null | false,
  { timeoutMs = 120_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Value> {
  const end = performance.now() + timeoutMs;
  while (true) {
    const value = await ask();
    if (value !== null && value !== false) return value;
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms for ${what}`);
    await pause(everyMs);
  }
}
