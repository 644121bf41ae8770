import { createHash } from "node:crypto";
import type { Part } from "./commands.ts";

const tailBytes = 65_536;
const readSeconds = 5;

/** Reads a file's number, which is another one when the file has changed. Ours is `numberOf`. */
type Read = (path: string) => Promise<number>;

/**
 * Looks at a file that moves as long as work does. Where it cannot be read, the last known number is told, so that
 * work of which nobody knows counts as standing still.
 */
export function watchProgressFile(
  path: string,
  { read = numberOf, seconds = readSeconds }: { read?: Read; seconds?: number } = {},
): () => Promise<Part> {
  let progress: number | undefined;
  let reading: Promise<string | undefined> | null = null;
  // A read on a dead mount never ends: no second one is begun beside it.
  const look = (): Promise<string | undefined> =>
    reading ??= read(path).then((number) => {
      progress = number;
      return undefined;
    }, (error) => String(error instanceof Error ? error.message : error)).finally(() => reading = null);
  return async () => {
    const fault = await within(look(), seconds);
    const work = { busy: true, ...(progress === undefined ? {} : { progress }) };
    const part: Part = { status: "healthy", metrics: {}, work };
    return fault === undefined
      ? part
      : { ...part, complaint: `cannot read the progress file "${path}": ${fault}` };
  };
}

async function within(look: Promise<string | undefined>, seconds: number): Promise<string | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`no answer within ${seconds} s`), seconds * 1000);
  try {
    return await Promise.race([look, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** 48 bits of a digest of the file's time, size and last 64 KiB: the same after a restart, if the file is. */
async function numberOf(path: string): Promise<number> {
  const { isFile, mtime, size } = await Deno.stat(path);
  const digest = createHash("sha256").update(`${mtime?.getTime()} ${size} `);
  // What is not a file, such as a pipe, may have nothing to read for ever.
  if (isFile) digest.update(await readTail(path, size));
  return digest.digest().readUIntBE(0, 6);
}

async function readTail(path: string, size: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  await file.seek(Math.max(0, size - tailBytes), Deno.SeekMode.Start);
  const tail = new Uint8Array(tailBytes);
  let length = 0;
  while (length < tailBytes) {
    const read = await file.read(tail.subarray(length));
    if (read === null) break;
    length += read;
  }
  return tail.subarray(0, length);
}
