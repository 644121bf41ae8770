import type { AgentsPage } from "../../api/operator/agents.ts";
import type { Outcome } from "../../api/transport.ts";
import type { Operator } from "../../operator/operator.ts";
import { durationText } from "../../terminal/duration.ts";
import { CliError } from "../../terminal/errors.ts";
import { paint } from "../../terminal/output.ts";
import { printable } from "../../terminal/printable.ts";
import { Screen, type Size, terminalSize } from "../../terminal/screen.ts";
import { cut } from "../../terminal/table.ts";
import { unwrap } from "./_outcome.ts";
import { Resized } from "./_resized.ts";

interface Watched {
  everySeconds: number;
  /** Asks for the rows that fit. */
  get: (rows: number, signal: AbortSignal) => Promise<Outcome<AgentsPage>>;
  /** What is shown of them, in lines that fit. */
  show: (page: AgentsPage, size: Size) => string[];
}

const fallbackSize: Size = { columns: 80, rows: 24 };

/**
 * Shows the fleet anew every few seconds until somebody leaves. An outage leaves what was there before, and says since
 * when. The terminal is put back whatever ends it.
 *
 * @throws {CliError} for what the server refuses
 */
export async function watchFleet(operator: Operator, { everySeconds, get, show }: Watched): Promise<void> {
  using screen = new Screen();
  const leaving = new AbortController();
  void screen.left.then(() => leaving.abort());
  using resized = new Resized();
  let page: AgentsPage | null = null;
  let downSince: number | null = null;
  const draw = (reason: string | null): void => {
    const size = terminalSize() ?? fallbackSize;
    const foot = cut(footOf(reason, downSince), size.columns);
    const room = { ...size, rows: size.rows - 1 };
    const lines = page === null ? [] : show(page, room).slice(0, room.rows);
    screen.draw(
      [...lines, reason === null ? paint("grey", foot, "stdout") : paint("red", foot, "stdout")],
      size,
    );
  };
  resized.redraw = () => draw(null);
  draw(null);
  while (!leaving.signal.aborted) {
    const { rows } = terminalSize() ?? fallbackSize;
    const outcome = await get(rows, leaving.signal);
    if (leaving.signal.aborted) return;
    const isDown = outcome.kind === "outage";
    if (!isDown) page = unwrap(outcome, operator);
    downSince = isDown ? downSince ?? Date.now() : null;
    const reason = isDown ? outcome.reason : null;
    resized.redraw = () => draw(reason);
    draw(reason);
    await wait(everySeconds * 1000, leaving.signal);
  }
}

function footOf(reason: string | null, downSince: number | null): string {
  if (reason === null) return "leave: q";
  const age = durationText((Date.now() - (downSince ?? Date.now())) / 1000);
  return printable(`no answer for ${age}: ${reason}`);
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}

/** @throws {CliError} `usage` where there is no terminal to draw on */
export function assertWatchable(environment: (name: string) => string | undefined): void {
  if (Deno.stdout.isTerminal() && environment("TERM") !== "dumb") return;
  throw new CliError("usage", "Cannot watch the fleet: stdout is not a terminal that can be drawn on", {
    hint: "openclaw fleet --json",
  });
}
