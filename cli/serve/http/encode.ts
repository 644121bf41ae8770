/** Most replies fit. */
const usualBytes = 2048;
const most = 250;

const encoder = new TextEncoder();
/** Buffers that nobody uses: to make one costs more than all else that it takes to write a text. */
const spare: Uint8Array[] = [];

/** A text as UTF-8, in bytes that are good until they are given back. */
export function encode(text: string): Uint8Array {
  const bytes = spare.pop() ?? new Uint8Array(usualBytes);
  const { read, written } = encoder.encodeInto(text, bytes);
  return read === text.length ? bytes.subarray(0, written) : encoder.encode(text);
}

/** What `encode` gave is used no more, by the system neither. */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer.byteLength === usualBytes && spare.length < most) spare.push(new Uint8Array(buffer));
}
