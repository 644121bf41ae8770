import { computed, signal } from "@preact/signals-core";

/** How far the server's clock is ahead of the one that counts since this document began, in milliseconds. */
const offset = signal(0);
const counted = signal(0);

/** When the fleet was last known to be as the page has it, in milliseconds of the server's clock. */
export const verified = signal(0);
/** The server's time. The browser's own clock may be wrong, and is never read. */
export const now = computed(() => counted.value + offset.value);
/** How often the server looks at the fleet: less often, where a look costs much. */
export const everyMs = signal(0);
/** Two keepalives, or two looks, without a word: what is shown may no longer be so. */
export const isStale = computed(() => now.value - verified.value > Math.max(staleMs, 2 * everyMs.value));

const staleMs = 10_000;

/** Takes the server's time from something that it has just sent. */
export function setServerTime(at: string, verifiedAt: string | null = at): void {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return;
  counted.value = performance.now();
  offset.value = time - counted.value;
  const seen = Date.parse(verifiedAt ?? "");
  if (!Number.isNaN(seen)) verified.value = Math.max(seen, verified.value);
}

export function tick(): void {
  counted.value = performance.now();
}
