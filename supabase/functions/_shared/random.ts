/** Cryptographically strong bytes, the source of every random number of the service. */
export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Asked for together: one at a time, each costs as much as all of them. */
const numbers = new Uint32Array(256);
let used = numbers.length;

/** From 0 up to, not including, 1. */
export function randomFraction(): number {
  if (used === numbers.length) {
    crypto.getRandomValues(numbers);
    used = 0;
  }
  return (numbers[used++] ?? 0) / 2 ** 32;
}

/** A whole number within a range that holds at least one, chosen by a random fraction. */
export function wholeNumberWithin({ from, to }: { from: number; to: number }, random: number): number {
  const lowest = Math.ceil(from);
  return lowest + Math.floor(random * (Math.floor(to) - lowest + 1));
}

/** Waits for a random part of a second, so that the time of what follows tells nothing of what came before. */
export async function jitter(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 * randomFraction()));
}
