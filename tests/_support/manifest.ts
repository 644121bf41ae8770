import { dirname } from "node:path";
import type { ServiceLayout } from "../../cli/service/layout.ts";
import { formatManifest, type Manifest, manifestOf } from "../../cli/service/manifest.ts";
import { sha256Of } from "../../cli/service/ours.ts";
import { agentId } from "./vectors.ts";

/** A manifest that lists a layout's files as hashes say, those that are there now unless others are given. */
export async function manifestFor(
  layout: ServiceLayout,
  hashes: Partial<Record<"program" | "unit", string>> = {},
): Promise<Manifest> {
  const hashOf = async (name: "program" | "unit"): Promise<string[]> => [
    hashes[name] ?? (await sha256Of(layout[name]) || "0".repeat(64)),
  ];
  return manifestOf(layout, {
    url: "https://fleet.example",
    agentId,
    hashes: { program: await hashOf("program"), unit: await hashOf("unit") },
    folders: [],
  });
}

/** Writes that manifest into its place. */
export async function writeManifest(layout: ServiceLayout): Promise<void> {
  await Deno.mkdir(dirname(layout.manifest), { recursive: true });
  await Deno.writeTextFile(layout.manifest, formatManifest(await manifestFor(layout)), { mode: 0o600 });
}
