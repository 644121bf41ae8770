import uPlot from "uplot";
import type { Bucket } from "./_history.tsx";

/** Draws the mean of a number, with its least and most as a band. */
export function plot(place: HTMLElement, name: string, buckets: readonly Bucket[]): () => void {
  const values = (index: 0 | 1 | 2): (number | null)[] =>
    buckets.map(({ metrics }) => metrics?.[name]?.[index] ?? null);
  const style = getComputedStyle(place);
  place.style.color = "var(--accent)";
  const accent = style.color;
  place.style.color = "var(--line)";
  const line = style.color;
  place.style.color = "";
  const axis = {
    stroke: style.color,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`,
  };
  const size = (): { width: number; height: number } => ({ width: place.clientWidth, height: 140 });
  const drawn = new uPlot(
    {
      ...size(),
      legend: { show: false },
      cursor: { show: false },
      axes: [{ ...axis, values: (_plot, times) => times.map((time) => timeText(time, buckets)) }, {
        ...axis,
        size: 56,
      }],
      series: [{}, { stroke: "transparent", width: 0 }, { stroke: "transparent", width: 0 }, {
        stroke: accent,
        width: 1.5,
      }],
      bands: [{ series: [2, 1], fill: accent.replace("rgb(", "rgba(").replace(")", ", .15)") }],
    },
    [buckets.map(({ at }) => Date.parse(at) / 1000), values(0), values(2), values(1)],
    place,
  );
  const resized = new ResizeObserver(() => drawn.setSize(size()));
  resized.observe(place);
  return () => {
    resized.disconnect();
    drawn.destroy();
  };
}

/** The time, or the day where the plot is of several. */
function timeText(seconds: number, buckets: readonly Bucket[]): string {
  const time = new Date(seconds * 1000);
  const two = (number: number): string => String(number).padStart(2, "0");
  const whole = Date.parse(buckets.at(-1)?.at ?? "") - Date.parse(buckets[0]?.at ?? "");
  return whole > 2 * 86_400_000
    ? `${two(time.getMonth() + 1)}-${two(time.getDate())}`
    : `${two(time.getHours())}:${two(time.getMinutes())}`;
}
