const seconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** The seconds of `90`, `90s`, `15m`, `2h`, `30d` or `1w`; null for any other text. */
export function parseDuration(text: string): number | null {
  const [, number = "", unit = "s"] = /^(\d{1,9})([smhdw]?)$/.exec(text.trim()) ?? [];
  if (number === "") return null;
  return Number(number) * (seconds[unit || "s"] ?? 1);
}

/** A number of seconds in the largest unit up to days that divides it: `90s`, `15m`, `2h`, `7d`. */
export function formatDuration(whole: number): string {
  const fitting = Object.entries(seconds).filter(([unit, length]) =>
    unit !== "w" && whole >= length && whole % length === 0
  );
  const [unit, length] = fitting.at(-1) ?? ["s", 1];
  return `${whole / length}${unit}`;
}
