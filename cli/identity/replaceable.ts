import { dirname } from "node:path";
import type { Environment } from "../host/environment.ts";
import { transienceOf } from "../host/lasting.ts";
import { probeFolder } from "../host/private_file.ts";
import type { Setup } from "./setup.ts";

/**
 * What keeps this process from storing another identity where it found this one, or null: it came from flags, from the
 * environment or from systemd, or the credentials file is in a place that cannot be written or does not last. Has to be
 * made before the program gives up its right to read /proc.
 */
export async function makeReplaceableCheck(
  { places }: Pick<Setup, "places">,
  environment: Environment,
): Promise<(setup: Pick<Setup, "identity">) => Promise<string | null>> {
  const transient = await transienceOf(await realFolder(dirname(places.credentials)), environment);
  return async ({ identity: { layer, path, brought } }) => {
    if (layer !== "file" || path === null) return `it comes from the ${layer}`;
    if (brought) return "systemd brings the same credentials file at each start";
    if (transient !== null) return `"${dirname(path)}" does not last: ${transient}`;
    const fault = await probeFolder(path);
    return fault === null ? null : `"${dirname(path)}" cannot be written: ${fault}`;
  };
}

async function realFolder(folder: string): Promise<string> {
  try {
    return await Deno.realPath(folder);
  } catch (error) {
    if (error instanceof Error) return folder;
    throw error;
  }
}
