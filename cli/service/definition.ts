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
