const daySeconds = 86_400;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const time = String.raw`(?<time>\d\d:\d\d:\d\d)`;

/** The three forms of a date in HTTP (RFC 9110, 5.6.7). */
const forms = [
  String.raw`[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) ${time} GMT`,
  String.raw`[A-Z][a-z]+day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) ${time} GMT`,
  String.raw`[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) ${time} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/**
 * The seconds that a reply asks its client to wait, at most a day; 0 where it asks for nothing that can be read. A
 * date is reckoned from the reply's own, never from this host's clock.
 */
export function retryAfter(headers: Headers): number {
  const asked = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(asked)) return Math.min(daySeconds, Number(asked));
  const now = parseHttpDate(headers.get("date") ?? "", 0);
  const until = now === null ? null : parseHttpDate(asked, now);
  return now === null || until === null ? 0 : Math.min(daySeconds, Math.max(0, until - now));
}

/** Seconds since 1970, or null. Two digits of a year are those of the year that is next to the one of `near`. */
function parseHttpDate(text: string, near: number): number | null {
  const found = forms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (found === undefined) return null;
  const { day = "", month = "", year = "", time = "" } = found;
  const index = months.indexOf(month);
  const [hours = 0, minutes = 0, seconds = 0] = time.split(":").map(Number);
  const full = year.length === 2
    ? nextTo(new Date(near * 1000).getUTCFullYear(), Number(year))
    : Number(year);
  if (index < 0 || Number(day) < 1 || Number(day) > 31) return null;
  return Date.UTC(full, index, Number(day), hours, minutes, seconds) / 1000;
}

function nextTo(year: number, digits: number): number {
  const inCentury = year - year % 100 + digits;
  if (inCentury > year + 50) return inCentury - 100;
  return inCentury < year - 50 ? inCentury + 100 : inCentury;
}
