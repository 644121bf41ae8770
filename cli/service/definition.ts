import { launchdPlist } from "./definition/launchd.ts";
import { systemdUnitText } from "./definition/systemd.ts";
import { windowsTaskXml } from "./definition/task.ts";
import type { ServiceLayout } from "./layout.ts";
import { noOptions, optionWords, type ServiceOptions } from "./options.ts";

/** The unit, plist or task that runs `openclaw monitor` in this layout. */
export function defineService(layout: ServiceLayout, options: ServiceOptions = noOptions): string {
  const make = { linux: systemdUnitText, darwin: launchdPlist, windows: windowsTaskXml }[layout.os];
  return make(layout, optionWords(options));
}

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
