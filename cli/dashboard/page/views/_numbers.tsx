import type { VNode } from "preact";
import { durationText } from "../../../terminal/duration.ts";

/** The numbers of the last beat, shares of a hundred as bars. */
export function Numbers({ metrics }: { metrics: Readonly<Record<string, number>> }): VNode | null {
  const names = Object.keys(metrics).sort();
  if (names.length === 0) return null;
  return (
    <dl class="tiles" aria-label="Numbers of the last beat">
      {names.map((name) => {
        const [, title = name, unit = ""] = /^(.+)_(percent|seconds|ms)$/.exec(name) ?? [];
        const value = metrics[name] ?? 0;
        return (
          <div
            key={name}
            class={unit === "percent" && value >= 90 ? "unhealthy" : undefined}
          >
            <dt>{title.replaceAll("_", " ")}</dt>
            <dd>
              {numberText(value, unit)}
              {unit === "percent" && (
                <svg
                  viewBox="0 0 100 4"
                  preserveAspectRatio="none"
                  aria-hidden="true"
                >
                  <rect width="100" height="4" opacity=".15" />
                  <rect width={Math.max(0, Math.min(100, value))} height="4" />
                </svg>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function numberText(value: number, unit: string): string {
  if (unit === "seconds") return durationText(value);
  const text = String(Number(value.toPrecision(value < 1000 ? 3 : 6)));
  return unit === "percent" ? `${text} %` : unit === "" ? text : `${text} ${unit}`;
}
