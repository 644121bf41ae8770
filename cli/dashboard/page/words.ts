import { durationText } from "../../terminal/duration.ts";

/** "12:03:20", or with its date when that is another day; in the reader's time zone, on the server's clock. */
export function momentText(moment: string | null, now: number): string {
  if (moment === null) return "never";
  const time = new Date(moment);
  if (Number.isNaN(time.getTime())) return "";
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (time.toDateString() === new Date(now).toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

/** "12 min ago". */
export function agoText(moment: string | null, now: number): string {
  const time = Date.parse(moment ?? "");
  return Number.isNaN(time) ? "never" : `${durationText((now - time) / 1000)} ago`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "site: Linz, role: web", or nothing. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => value === "" ? key : `${key}: ${value}`).join(", ");
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
