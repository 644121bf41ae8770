export function median(list: number[]): number {
  return percentile(list, 50);
}

/** The smallest number that `percent` of the list do not exceed. */
export function percentile(list: number[], percent: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * percent / 100) - 1)] ?? NaN;
}

export function row(first: string, ...cells: string[]): string {
  return first.padEnd(40) + cells.map((cell) => cell.padStart(22)).join("");
}

/** The same ones in a random order. */
export function shuffled<One>(list: readonly One[]): One[] {
  const left = [...list];
  return list.flatMap(() => left.splice(Math.floor(Math.random() * left.length), 1));
}
