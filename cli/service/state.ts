import type { Environment } from "../places.ts";
import { readIfThere } from "../private_file.ts";
import { type Ask, askHost } from "./perform.ts";
import { marker, type Place, placeOf } from "./place.ts";
import { stateWords } from "./steps.ts";

export interface ServiceState {
  installed: boolean;
  running: boolean;
  text: string;
}

/** What this host's service manager says of our service at a place. */
export async function stateAt(place: Place, ask: Ask = askHost): Promise<ServiceState> {
  const text = await readIfThere(place.unit);
  if (text === null) return { installed: false, running: false, text: "not installed" };
  if (!text.includes(marker)) return { installed: false, running: false, text: `not ours: ${place.unit}` };
  const { code, output } = await ask(stateWords(place));
  const running = code === 0;
  const word = place.os === "linux" ? output.split("\n")[0] : running ? "loaded" : "not loaded";
  return { installed: true, running, text: `${word} (${place.scope})` };
}

/** The same in a few words, for the system's service, else the user's. */
export async function serviceState(environment: Environment): Promise<string> {
  const { os } = Deno.build;
  if (os !== "linux" && os !== "darwin" && os !== "windows") return "none on this system";
  const uid = Deno.uid() ?? 0;
  for (const user of [false, true]) {
    const { text } = await stateAt(placeOf(environment, { os, user, uid }));
    if (text !== "not installed") return text;
  }
  return "not installed";
}
