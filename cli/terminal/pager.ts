import { Keys } from "./keys.ts";
import { answer } from "./output.ts";
import type { Size } from "./screen.ts";

/**
 * Prints lines a screen at a time, and waits at its end for a key, unless they all fit: space for the next screen,
 * Enter for the next line, q to leave. Lines are taken as they are needed, so that the first screen waits for no other.
 * What was shown stays on the terminal.
 */
export async function page(lines: AsyncIterable<string>, { rows }: Size): Promise<void> {
  const room = Math.max(1, rows - 1);
  let shown = 0;
  for await (const line of lines) {
    if (shown >= room) {
      const more = await askForMore();
      if (more === "leave") return;
      shown = more === "line" ? room - 1 : 0;
    }
    answer(line);
    shown += 1;
  }
}

const prompt = "-- more: space, one line: Enter, leave: q --";

async function askForMore(): Promise<"screen" | "line" | "leave"> {
  using keys = new Keys();
  const { stdout } = Deno;
  const encoder = new TextEncoder();
  stdout.writeSync(encoder.encode(prompt));
  try {
    const key = await Promise.race([keys.next(), keys.left]);
    if (typeof key !== "string") return "leave";
    return key === "\r" || key === "\n" || key === "j" || key === "\u001b[B" ? "line" : "screen";
  } finally {
    stdout.writeSync(encoder.encode("\r\u001b[K"));
  }
}
