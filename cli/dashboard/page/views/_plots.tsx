import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Bucket } from "./_history.tsx";

/** The numbers of the beats, each as a line; what draws them is loaded when they are opened. */
export function Plots({ buckets }: { buckets: Bucket[] }): VNode {
  const [isOpen, open] = useState(false);
  const names = [...new Set(buckets.flatMap(({ metrics }) => Object.keys(metrics ?? {})))].sort();
  return (
    <details class="plots" onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>Plots: {names.join(", ").replaceAll("_", " ")}</summary>
      {isOpen && names.map((name) => <Plot key={name} name={name} buckets={buckets} />)}
    </details>
  );
}

function Plot({ name, buckets }: { name: string; buckets: Bucket[] }): VNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let remove = (): void => undefined;
    let isGone = false;
    void import("./_plot.ts").then(({ plot }) => {
      if (!isGone && place.current !== null) remove = plot(place.current, name, buckets);
    });
    return () => {
      isGone = true;
      remove();
    };
  }, [name, buckets]);
  const means = buckets.flatMap(({ metrics }) => metrics?.[name]?.[1] ?? []);
  const label = `${name}: ${Math.min(...means)} to ${Math.max(...means)}`;
  return (
    <figure>
      <figcaption>{name.replaceAll("_", " ")}</figcaption>
      <div ref={place} role="img" aria-label={label} />
    </figure>
  );
}
