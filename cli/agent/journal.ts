import { isErrno } from "../errors.ts";
import { answer, paint, say } from "../output.ts";
import type { LogFile } from "./log_file.ts";
import type { Level, News } from "./monitor.ts";

interface Style {
  json: boolean;
  quiet: boolean;
  logFile: LogFile | null;
}

const ranks: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Says what happens: as JSON on stdout, one line an event; else to people on stderr, where single beats are
 * told of only if somebody watches. A log file gets the same lines, quiet or not.
 */
export function makeJournal({ json, quiet, logFile }: Style): (news: News) => void {
  const watched = Deno.stderr.isTerminal();
  const least = quiet ? ranks.warn : json || watched ? ranks.debug : ranks.info;
  return (news) => {
    const time = new Date().toISOString();
    const line = json ? asJson(news, time) : `${time} ${news.level.padEnd(5)} ${news.text}`;
    if (json || ranks[news.level] >= ranks.info) logFile?.line(line);
    if (ranks[news.level] < least) return;
    try {
      if (json) answer(line);
      else say(watched ? `${paint("grey", time.slice(11, 19))} ${coloured(news)}` : line);
    } catch (error) {
      // Whoever read the lines went away, or the disk that they went to is full: the agent goes on.
      if (!(error instanceof Deno.errors.BrokenPipe) && !isErrno(error, "EPIPE", "ENOSPC", "EIO")) {
        throw error;
      }
    }
  };
}

function asJson({ level, event, text, details = {} }: News, time: string): string {
  return JSON.stringify({ time, level, event, message: text, ...details });
}

function coloured({ level, text }: News): string {
  if (level === "error") return paint("red", text);
  if (level === "warn") return paint("yellow", text);
  return level === "debug" ? paint("grey", text) : text;
}
