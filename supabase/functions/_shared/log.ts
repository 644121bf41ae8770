import { secretPattern } from "./secret_pattern.ts";

type Level = "info" | "warn" | "error";

/** What a log line holds besides its time, level and event. Never a token, a secret, a body or a header. */
export type Details = Readonly<Record<string, string | number | boolean | null>>;

interface Tally {
  count: number;
  samples: string[];
}

const summaryMilliseconds = 10_000;
const samplesPerLine = 2;

/**
 * Structured log lines: one JSON object a line.
 *
 * A server error, an operator's act and a start have a line each. All other requests are counted, and summarized
 * in one line every 10 s, because the platform keeps 100 lines in 10 s.
 */
export class Log {
  readonly #write: (line: string) => void;
  readonly #tallies = new Map<string, Tally>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  line(level: Level, event: string, details: Details = {}): void {
    this.#write(redact(JSON.stringify({ time: new Date().toISOString(), level, event, ...details })));
  }

  /** Counts a request for the next summary. */
  count(path: string, status: number, requestId: string): void {
    const key = `${path} ${status}`;
    const tally = this.#tallies.get(key) ?? { count: 0, samples: [] };
    tally.count += 1;
    if (tally.samples.length < samplesPerLine) tally.samples.push(requestId);
    this.#tallies.set(key, tally);
    this.#timer ??= unref(setTimeout(() => this.flush(), summaryMilliseconds));
  }

  /** Writes the summary of what was counted since the last one, if anything was. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#tallies.size === 0) return;
    const requests = Object.fromEntries(this.#tallies);
    this.#tallies.clear();
    const time = new Date().toISOString();
    this.#write(redact(JSON.stringify({ time, level: "info", event: "requests", requests })));
  }
}

/** An error and its causes in one line: names, codes and messages; no stacks, and no row of the database. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `something thrown that is not an error (${typeof error})`;
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  const own = `${error.name}${code}: ${error.message}`;
  return error.cause === undefined ? own : `${own}; because of ${describe(error.cause)}`;
}

/** The last line of defense: no secret should come this far. */
export function redact(line: string): string {
  return line.replace(secretPattern, "[redacted]");
}

/** A timer that does not keep the process alive: a number in Deno 2.1, Node's object in later ones. */
function unref<Timer>(timer: Timer): Timer {
  if (typeof timer === "number") Deno.unrefTimer(timer);
  else if (isUnrefable(timer)) timer.unref();
  return timer;
}

function isUnrefable(timer: unknown): timer is { unref: () => void } {
  return typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function";
}
