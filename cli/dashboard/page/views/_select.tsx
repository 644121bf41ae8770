import type { VNode } from "preact";

/** A choice of numbers, by words. */
export function Select({ label, name, options, chosen, choose }: {
  label: string;
  name?: string;
  options: readonly (readonly [string, number])[];
  chosen: number;
  choose?: (value: number) => void;
}): VNode {
  return (
    <label>
      {label}{" "}
      <select
        name={name}
        onChange={({ currentTarget: { value } }) => choose?.(Number(value))}
      >
        {options.map(([text, value]) => (
          <option key={text} value={value} selected={value === chosen}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
