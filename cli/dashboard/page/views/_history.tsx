import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { durationText } from "../../../terminal/duration.ts";
import { now } from "../clock.ts";
import { momentText } from "../words.ts";
import { Plots } from "./_plots.tsx";
import { useFetched } from "./_use.ts";

/** What GET /agents/<id>/history returns. */
export interface HistoryReply {
  buckets: Bucket[];
  gaps: { from: string; to: string; reason: string; detail: Record<string, unknown> | null }[];
}

export interface Bucket {
  at: string;
  beats: number;
  expected: number;
  worst_status: string | null;
  metrics?: Record<string, [number, number, number]>;
}

const spans = [["hour", 3600, 60], ["day", 86_400, 900], ["month", 30 * 86_400, 3600]] as const;
const minute = 60_000;

/** Beats and silences as one strip, and the numbers that came with them. */
export function History({ path, interval }: { path: string; interval: number }): VNode {
  const [chosen, choose] = useState(1);
  const [, seconds, step] = spans[chosen] ?? spans[1];
  // Whole minutes: the same question is not asked anew with every second.
  const to = Math.ceil(now.value / minute) * minute;
  const from = to - seconds * 1000;
  const query = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}&step=${step}`;
  const { reply, refusal } = useFetched<HistoryReply>(`${path}/history?${query}`);
  return (
    <section class="card history" aria-labelledby="history">
      <h2 id="history">
        Beats
        {reply !== null && <small>{shareText(reply.buckets)}</small>}
        <span class="chips" role="group" aria-label="Span">
          {spans.map(([title], index) => (
            <button
              key={title}
              type="button"
              aria-pressed={index === chosen}
              onClick={() => choose(index)}
            >
              {title}
            </button>
          ))}
        </span>
      </h2>
      {refusal !== null && <p class="alert">{refusal}</p>}
      {reply !== null && <Strip reply={reply} from={from} to={to} step={step} />}
      {reply !== null && <Gaps gaps={reply.gaps} interval={interval} />}
      {reply !== null && reply.buckets.some(({ metrics }) => Object.keys(metrics ?? {}).length > 0) && (
        <Plots buckets={reply.buckets} />
      )}
    </section>
  );
}

function Strip(
  { reply, from, to, step }: { reply: HistoryReply; from: number; to: number; step: number },
): VNode {
  const width = 1000;
  const x = (time: number): number => Math.max(0, Math.min(width, ((time - from) / (to - from)) * width));
  const beaten = reply.buckets.reduce((sum, { beats }) => sum + beats, 0);
  const words = `${beaten} beats and ${reply.gaps.length} silences from ${
    momentText(new Date(from).toISOString(), now.value)
  } on`;
  return (
    <>
      <svg class="strip" viewBox={`0 0 ${width} 40`} preserveAspectRatio="none" role="img" aria-label={words}>
        {reply.buckets.map(({ at, beats, expected, worst_status }) => {
          const begin = x(Date.parse(at));
          const end = x(Date.parse(at) + step * 1000);
          if (end <= begin) return null;
          const bar = { x: begin, width: Math.max(0.6, (end - begin) * 0.76) };
          const share = expected === 0 ? 0 : Math.min(1, beats / expected);
          return (
            <g key={at} class={classOf(worst_status)}>
              <title>{`${momentText(at, now.value)}: ${beats} of ${Math.round(expected)} beats`}</title>
              <rect {...bar} height="36" opacity={expected === 0 ? 0.06 : 0.18} />
              {share > 0 && <rect {...bar} y={36 - 36 * share} height={36 * share} />}
            </g>
          );
        })}
        {reply.gaps.map(({ from: begin, to: end, reason }) => (
          <rect
            key={begin}
            class="offline"
            x={x(Date.parse(begin))}
            width={Math.max(1, x(Date.parse(end)) - x(Date.parse(begin)))}
            y="36"
            height="4"
          >
            <title>{`${reason}, ${momentText(begin, now.value)} to ${momentText(end, now.value)}`}</title>
          </rect>
        ))}
      </svg>
      <p class="scale soft num">
        <span>{momentText(new Date(from).toISOString(), now.value)}</span>
        <span>{momentText(new Date(to).toISOString(), now.value)}</span>
      </p>
    </>
  );
}

/** How many of the beats came that were expected. */
function shareText(buckets: readonly Bucket[]): string {
  const expected = buckets.reduce((sum, bucket) => sum + bucket.expected, 0);
  const came = buckets.reduce((sum, { beats, expected }) => sum + Math.min(beats, expected), 0);
  return expected < 1 ? "" : `${Math.floor(1000 * came / expected) / 10} % of those expected`;
}

function classOf(status: string | null): string {
  return status === "unhealthy"
    ? "unhealthy"
    : status === "degraded"
    ? "degraded"
    : status === "stopping"
    ? "stopped"
    : "online";
}

const reasons: Record<string, string> = {
  planned: "it had said that it stops",
  server: "this server was away",
  host: "its host was off",
  suspended: "its host slept",
  network: "it beat, and nothing arrived",
  agent: "its program was not running",
  unknown: "for an unknown reason",
};

function Gaps({ gaps, interval }: Pick<HistoryReply, "gaps"> & { interval: number }): VNode {
  if (gaps.length === 0) {
    return <p class="soft">No silence longer than {durationText(1.1 * interval + 15)}.</p>;
  }
  const shown = [...gaps].reverse().slice(0, 20);
  return (
    <ul class="plain">
      {shown.map(({ from, to, reason }) => (
        <li key={from}>
          <span class="num soft">{momentText(from, now.value)}</span> silent for{" "}
          {durationText((Date.parse(to) - Date.parse(from)) / 1000)}, {reasons[reason] ?? reason}
        </li>
      ))}
      {gaps.length > shown.length && <li class="soft">and {gaps.length - shown.length} before these</li>}
    </ul>
  );
}
