import { paint, redact } from "../../terminal/output.ts";
import { LineWriter } from "./line_writer.ts";
import type { LogFile } from "./log_file.ts";
import type { Level, News } from "../monitor.ts";

interface Style {
  json: boolean;
  quiet: boolean;
  logFile: LogFile | null;
}

/** Where a monitor's life is told. */
export interface Journal {
  tell: (news: News) => void;
  /** Before the program ends: what was told may still be on its way. */
  flush: () => Promise<void>;
}

const ranks: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const flushMilliseconds = 500;

/**
 * Says what happens: as JSON on stdout, one line an event; else to people on stderr, where single beats are
 * told of only if somebody watches. A log file gets the same lines, quiet or not.
 */
export function makeJournal({ json, quiet, logFile }: Style): Journal {
  const watched = Deno.stderr.isTerminal();
  const least = quiet ? ranks.warn : json || watched ? ranks.debug : ranks.info;
  const writer = new LineWriter(json ? Deno.stdout : Deno.stderr);
  const tell = (news: News): void => {
    const now = new Date();
    const time = now.toISOString();
    const line = redact(json ? asJson(news, time) : `${time} ${news.level.padEnd(5)} ${news.text}`);
    if (json || ranks[news.level] >= ranks.info) logFile?.line(line);
    if (ranks[news.level] < least) return;
    writer.line(json || !watched ? line : redact(`${paint("grey", localTime(now))} ${coloured(news)}`));
  };
  return { tell, flush: () => writer.flush(flushMilliseconds) };
}

/** Who watches has a clock beside it. */
function localTime(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

function asJson({ level, event, text, details = {} }: News, time: string): string {
  return JSON.stringify({ time, level, event, message: text, ...details });
}

function coloured({ level, text }: News): string {
  if (level === "error") return paint("red", text);
  if (level === "warn") return paint("yellow", text);
  return level === "debug" ? paint("grey", text) : text;
}
