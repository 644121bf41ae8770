/** Most requests fit, and most replies. A connection that is idle holds no more. */
export const usualBytes = 4096;
const most = 250;

const encoder = new TextEncoder();
/** Buffers that nobody uses: to make one costs more than all else that it takes to write a text. */
const spare: Uint8Array[] = [];

/** A buffer of the usual size, which is given back. */
export function takeBuffer(): Uint8Array {
  return spare.pop() ?? new Uint8Array(usualBytes);
}

/** A text as UTF-8, in bytes that are given back. */
export function encode(text: string): Uint8Array {
  const buffer = takeBuffer();
  const { read, written } = encoder.encodeInto(text, buffer);
  if (read === text.length) return buffer.subarray(0, written);
  giveBack(buffer);
  return encoder.encode(text);
}

/** Nobody uses these bytes any more, the system neither. Those of another size are left to the collector. */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer.byteLength === usualBytes && spare.length < most) spare.push(new Uint8Array(buffer));
}
