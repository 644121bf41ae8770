import type { VNode } from "preact";

/** The word of what an agent is, as the map and its legend have it. */
export function wordOf(
  { liveness, status, copies }: { liveness: string; status: string | null; copies: unknown[] },
): string {
  if (["offline", "stalled", "revoked"].includes(liveness)) return liveness;
  const isBeating = liveness === "online" || liveness === "late";
  if (isBeating && status === "unhealthy") return "unhealthy";
  if (copies.length > 0) return "copy";
  return liveness === "online" && status === "degraded" ? "degraded" : liveness;
}

/** A shape and a color for each word. The shapes tell them apart without the colors, too. */
export function Sign({ word }: { word: string }): VNode {
  return <svg class={`sign ${word}`} viewBox="0 0 16 16" aria-hidden="true">{shapes[word] ?? dot}</svg>;
}

const dot = <circle cx="8" cy="8" r="4" />;
const shapes: Record<string, VNode> = {
  offline: (
    <path d="M2 2h12v12H2z M5.2 4 8 6.8 10.8 4 12 5.2 9.2 8 12 10.8 10.8 12 8 9.2 5.2 12 4 10.8 6.8 8 4 5.2z" />
  ),
  stalled: <path d="M3 2h4v12H3z M9 2h4v12H9z" />,
  unhealthy: <path d="M8 1 15.5 14.5H.5z M7.2 6v4.2h1.6V6z M7.2 11.4v1.5h1.6v-1.5z" />,
  copy: <path d="M1 1h9v9H1z M6 11.5h5.5V6H15v9H6z" />,
  late: <path d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z M7.2 4v4.7l3.6 2.1.7-1.3-2.8-1.6V4z" />,
  degraded: <path d="M8 2.5 15 13.5H1z" />,
  pending: <path d="M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z" />,
  stopped: <path d="M3 7h10v2H3z" />,
  revoked: <path d="M12.5 2 14 3.5 3.5 14 2 12.5z" />,
};
