/** How long each phase of a connection may take, and what one may cost. */
export interface ConnectionLimits {
  headerMs: number;
  bodyMs: number;
  /** How long a connection may be idle. */
  idleMs: number;
  /** How long nothing of a reply may be taken. */
  stallMs: number;
  /** How many requests may wait behind the one under way. */
  waiting: number;
}

/** What a connection is waited for. */
export type Phase = "header" | "body" | "handler" | "reply" | "rest of a body" | "idle" | "end";

/** Counts the sweeps that have seen the same phase of a connection under way. */
export class PhaseClock {
  #phase: Phase = "header";
  #sweeps = 0;

  /** The phase has begun, or a part of a reply was taken. */
  restart(): void {
    this.#sweeps = 0;
  }

  /** One more sweep has seen this phase. Returns whether it takes too long. */
  isOver(phase: Phase, { sweepMs, limits }: { sweepMs: number; limits: ConnectionLimits }): boolean {
    if (phase !== this.#phase) this.#sweeps = 0;
    this.#phase = phase;
    this.#sweeps += 1;
    return this.#sweeps * sweepMs > mostMs(phase, limits);
  }
}

function mostMs(phase: Phase, { headerMs, bodyMs, idleMs, stallMs }: ConnectionLimits): number {
  if (phase === "header") return headerMs;
  if (phase === "body" || phase === "rest of a body") return bodyMs;
  if (phase === "handler") return Infinity;
  return phase === "idle" ? idleMs : stallMs;
}
