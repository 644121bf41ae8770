import { CliError } from "../terminal/errors.ts";
import { isMarked, readDefinition } from "./mark.ts";
import type { Place } from "./layout.ts";

/** In every program that was compiled from this source, so that one can be told from another of the same name. */
export const programMark = "openclaw-program:7d774b9fd90df2752ac4d1671dd09199";

const scriptMark = /^(#!.*\n)?# Written by openclaw\. The agent of a host that has /;

/**
 * The definition of our service, or null where there is none.
 *
 * @throws {CliError} `conflict` when something that we did not write is where a unit should be
 */
export async function readOurDefinition(place: Place): Promise<string | null> {
  const text = await readDefinition(place);
  if (text === null || isMarked(text, place.os)) return text;
  throw new CliError("conflict", `Cannot touch "${place.unit}": it was not written by this program`, {
    hint: `look at it, and move it away if it is not wanted`,
  });
}

/**
 * Whether a file is a program of ours, compiled or an installer's script; false when there is none.
 *
 * @throws {CliError} `conflict` when it is another
 */
export async function assertProgramIsOurs(path: string): Promise<boolean> {
  const found = await holdsMark(path);
  if (found === null) return false;
  if (found) return true;
  throw new CliError("conflict", `Cannot touch "${path}": another program of that name is there`, {
    hint: "move it away, or run openclaw monitor without the service",
  });
}

/** Reads the file from its end, where a compiled program keeps its source. Null: there is no file. */
async function holdsMark(path: string): Promise<boolean | null> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  try {
    const { size, isFile } = await file.stat();
    if (!isFile) return false;
    const beginning = new Uint8Array(256);
    const head = new TextDecoder().decode(beginning.subarray(0, await fill(file, beginning)));
    if (scriptMark.test(head.replaceAll("\r\n", "\n"))) return true;
    const overlap = programMark.length;
    const buffer = new Uint8Array(4 * 1024 * 1024);
    const decoder = new TextDecoder("latin1");
    for (let end = size; end > 0; end -= buffer.length - overlap) {
      const start = Math.max(0, end - buffer.length);
      await file.seek(start, Deno.SeekMode.Start);
      const length = await fill(file, buffer.subarray(0, end - start));
      if (decoder.decode(buffer.subarray(0, length)).includes(programMark)) return true;
      if (start === 0) return false;
    }
    return false;
  } finally {
    file.close();
  }
}

async function fill(file: Deno.FsFile, buffer: Uint8Array): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const read = await file.read(buffer.subarray(length));
    if (read === null) break;
    length += read;
  }
  return length;
}
