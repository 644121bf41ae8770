/** A definition as it is stored: the Windows scheduler takes UTF-16 whatever the language of the host is. */
export function encodeDefinition(text: string, isWide: boolean): Uint8Array<ArrayBuffer> {
  if (!isWide) return new TextEncoder().encode(text);
  const wide = `\ufeff${text.replaceAll("\n", "\r\n")}`;
  const bytes = new DataView(new ArrayBuffer(wide.length * 2));
  for (let index = 0; index < wide.length; index++) bytes.setUint16(index * 2, wide.charCodeAt(index), true);
  return new Uint8Array(bytes.buffer);
}

/** The text of a stored definition. */
export function decodeDefinition(bytes: Uint8Array): string {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isWide ? "utf-16le" : "utf-8").decode(bytes);
}
