/** What was typed, key by key, and the beginning of a sequence whose end has not come yet. */
export interface Typed {
  /** A character as it is, or the name of a key, such as "up" or "ctrl-c". */
  keys: string[];
  rest: string;
}

const named: Record<string, string> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\u0008": "backspace",
  "\u007f": "backspace",
  "\u001b": "escape",
};

/** By the end of what a terminal sends; some have several sequences for a key. */
const sequences: Record<string, string> = {
  "A": "up",
  "B": "down",
  "C": "right",
  "D": "left",
  "H": "home",
  "F": "end",
  "Z": "back-tab",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "3~": "delete",
  "5~": "page-up",
  "6~": "page-down",
};

// deno-lint-ignore no-control-regex -- keys are sent as sequences that begin with one
const sequence = /^\u001b(?:\[([\d;?<]*[@-~])|O([@-~]))/;
// deno-lint-ignore no-control-regex -- the same, without its end
const unended = /^\u001b(?:\[[\d;?<]*|O)?$/;

/**
 * Reads the keys of a text that a terminal in raw mode sent. A sequence that no key here has is passed over. An Escape at
 * the very end may be the beginning of a sequence: it is left over, and is a key if nothing follows soon.
 */
export function readTyped(text: string): Typed {
  const keys: string[] = [];
  for (let rest = text; rest !== "";) {
    if (unended.test(rest)) return { keys, rest };
    const [whole, end, alternate] = sequence.exec(rest) ?? [];
    if (whole !== undefined) {
      const key = sequences[end ?? alternate ?? ""];
      if (key !== undefined) keys.push(key);
      rest = rest.slice(whole.length);
      continue;
    }
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    keys.push(nameOf(character));
    rest = rest.slice(character.length);
  }
  return { keys, rest: "" };
}

function nameOf(character: string): string {
  const code = character.charCodeAt(0);
  const name = named[character];
  if (name !== undefined) return name;
  return code > 0 && code < 27 ? `ctrl-${String.fromCharCode(code + 96)}` : character;
}
