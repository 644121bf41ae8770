import { computed } from "@preact/signals-core";
import type { VNode } from "preact";
import { grouped } from "../../fleet/sentence.ts";
import { livenessWords } from "../../fleet/state.ts";
import { toggled } from "./filters.ts";
import { Sign } from "./sign.tsx";
import { counts, filters, rows, trouble } from "./store.ts";

/** The labels of the agents that are known: by one of these the map can be grouped. */
const labelKeys = computed(() => {
  const keys = new Set<string>();
  for (const { labels } of [...rows.value.values(), ...trouble.value]) {
    for (const key of Object.keys(labels)) keys.add(key);
  }
  if (filters.value.group !== "") keys.add(filters.value.group);
  return [...keys].sort();
});
let typing: ReturnType<typeof setTimeout>;

/** What of the fleet is shown: all of it stands in the address, too. */
export function FilterBar(): VNode {
  const { q, liveness, label, group } = filters.value;
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Find by name or host"
        placeholder="Find by name or host"
        maxLength={255}
        value={q}
        onInput={({ currentTarget: { value } }) => {
          clearTimeout(typing);
          typing = setTimeout(() => filters.value = { ...filters.value, q: value }, 200);
        }}
      />
      <div class="chips" role="group" aria-label="State">
        {livenessWords.map((word) => {
          const count = counts.value[word] ?? 0;
          if (count === 0 && !liveness.includes(word)) return null;
          return (
            <button
              key={word}
              type="button"
              aria-pressed={liveness.includes(word)}
              onClick={() => filters.value = { ...filters.value, liveness: toggled(liveness, word) }}
            >
              <Sign word={word} />
              {word} <span class="num">{grouped(count)}</span>
            </button>
          );
        })}
        {label.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed="true"
            aria-label={`Label ${one}: take away`}
            onClick={() => filters.value = { ...filters.value, label: toggled(label, one) }}
          >
            <bdi>{one}</bdi> ×
          </button>
        ))}
      </div>
      {labelKeys.value.length > 0 && (
        <label class="group">
          Group by{" "}
          <select
            value={group}
            onChange={({ currentTarget: { value } }) => filters.value = { ...filters.value, group: value }}
          >
            <option value="">nothing</option>
            {labelKeys.value.map((key) => (
              <option key={key} value={key} selected={key === group}>{key}</option>
            ))}
          </select>
        </label>
      )}
    </form>
  );
}
