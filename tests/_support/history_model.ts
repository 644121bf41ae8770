import type { Beat, Bucket, Gap } from "../../supabase/functions/_shared/database/port.ts";

/** An agent as the history of the contract knows it: every beat as it came, and the silences between. */
export interface ToldAgent {
  id: string;
  intervalSeconds: number;
  createdAt: number;
  beats: { at: number; beat: Beat }[];
  gaps: Gap[];
}

interface Span {
  from: number;
  to: number;
  stepSeconds: number;
  /** The time of the question. */
  now: number;
}

const known = ["cpu_percent", "memory_percent", "disk_percent", "load_1m", "uptime_seconds", "latency_ms"];
const statuses = ["healthy", "stopping", "degraded", "unhealthy"];
const quarterMs = 900_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** A beat comes at a time in milliseconds. None is overtaken by a later one. */
export function tellBeat(agent: ToldAgent, beat: Beat, at: number): void {
  const last = agent.beats.at(-1);
  if (last !== undefined && at - last.at > 1100 * agent.intervalSeconds + 15_000) {
    agent.gaps.push({ from: iso(last.at), to: iso(at), ...reasonOf(last, beat, at) });
  }
  agent.beats.push({ at, beat });
}

function reasonOf(
  { at: from, beat: last }: { at: number; beat: Beat },
  beat: Beat,
  at: number,
): Pick<Gap, "reason" | "detail"> {
  const uptime = beat.metrics.uptime_seconds;
  const lost = (beat.seq ?? 0) - (last.seq ?? 0) - 1;
  if (last.status === "stopping") {
    const back = last.backInSeconds;
    return { reason: "planned", detail: back === null ? {} : { back_in_seconds: back } };
  }
  if (uptime !== undefined && uptime < (at - from) / 1000) {
    return { reason: "host", detail: { uptime_seconds: uptime } };
  }
  if (last.instanceId === beat.instanceId) {
    return lost === 0
      ? { reason: "suspended", detail: {} }
      : { reason: "network", detail: { unanswered_count: lost } };
  }
  return uptime === undefined
    ? { reason: "unknown", detail: {} }
    : { reason: "agent", detail: { uptime_seconds: uptime } };
}

/** What the history has to say, with 30 days of it kept. */
export function tellHistory(agent: ToldAgent, span: Span): { buckets: Bucket[]; gaps: Gap[] } {
  const step = 1000 * span.stepSeconds;
  const first = span.from - span.from % step;
  const buckets: Bucket[] = [];
  for (let at = first; at < span.to; at += step) buckets.push(bucketOf(agent, { at, step, now: span.now }));
  const gaps = agent.gaps.filter((gap) => Date.parse(gap.to) > span.from && Date.parse(gap.from) < span.to);
  return { buckets, gaps };
}

function bucketOf(
  agent: ToldAgent,
  { at, step, now }: { at: number; step: number; now: number },
): Bucket {
  const days = step === 60_000 ? 2 : 30;
  const keptFrom = Math.max(agent.createdAt, now - now % dayMs - days * dayMs);
  const beats = within(agent, at, step).filter((beat) => beat.at >= keptFrom);
  const passed = Math.max(0, Math.min(at + step, now) - Math.max(at, keptFrom));
  const worst = Math.max(...beats.map(({ beat }) => statuses.indexOf(beat.status)));
  return {
    at: iso(at),
    beats: beats.length,
    expected: passed / 1000 / agent.intervalSeconds,
    worst_status: statuses[worst] ?? null,
    ...(step === 60_000 ? {} : { metrics: metricsOf(agent, at, step) }),
  };
}

/** Of each quarter its own; of more the least, the most, and the mean of the quarters' means by their beats. */
function metricsOf(agent: ToldAgent, at: number, step: number): Record<string, number[]> {
  const found: Record<string, { least: number; sum: number; weight: number; most: number }> = {};
  for (let quarter = at; quarter < at + step; quarter += quarterMs) {
    const beats = within(agent, quarter, quarterMs);
    for (const name of namesIn(agent, quarter - quarter % hourMs)) {
      const values = beats.flatMap(({ beat }) => beat.metrics[name] ?? []).map(ofFourBytes);
      if (values.length === 0) continue;
      const one = found[name] ??= { least: Infinity, sum: 0, weight: 0, most: -Infinity };
      one.least = Math.min(one.least, ...values);
      one.most = Math.max(one.most, ...values);
      one.sum += beats.length * values.reduce((sum, value) => sum + value / values.length, 0);
      one.weight += beats.length;
    }
  }
  return Object.fromEntries(
    Object.entries(found).map(([name, { least, sum, weight, most }]) => [name, [least, sum / weight, most]]),
  );
}

/** The known names, and the first two others of the hour. */
function namesIn(agent: ToldAgent, hour: number): string[] {
  const names = within(agent, hour, hourMs).flatMap(({ beat }) => Object.keys(beat.metrics));
  const others = [...new Set(names)].filter((name) => !known.includes(name)).sort();
  return [...known, ...others.slice(0, 2)];
}

function within({ beats }: ToldAgent, at: number, length: number): ToldAgent["beats"] {
  return beats.filter((one) => one.at >= at && one.at < at + length);
}

function ofFourBytes(value: number): number {
  return Math.abs(value) < 1e-37 ? 0 : Math.min(Math.max(value, -3e38), 3e38);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
