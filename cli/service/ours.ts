import { createHash } from "node:crypto";
import { CliError, isErrno } from "../terminal/errors.ts";
import { describeForeign, otherName } from "./owner.ts";
import { decodeDefinition } from "./stored_definition.ts";
import type { ServiceLayout } from "./layout.ts";
import type { Manifest } from "./manifest.ts";

/** What is at a path of ours: nothing, the file that the manifest lists, that file with changes, or another. */
export type Found = "nothing" | "ours" | "changed" | "foreign";

export async function look(path: string, manifest: Manifest | null): Promise<Found> {
  const hash = await sha256Of(path);
  if (hash === null) return "nothing";
  const hashes = manifest?.files.get(path);
  if (hashes === undefined || hashes === null) return "foreign";
  return hashes.includes(hash) ? "ours" : "changed";
}

/**
 * The definition of our service, or null where there is none.
 *
 * @throws {CliError} `conflict` when the file in the unit's place is not as the manifest says
 */
export async function readOurDefinition(
  { unit }: ServiceLayout,
  manifest: Manifest | null,
): Promise<string | null> {
  await assertOurs(unit, manifest);
  const found = await look(unit, manifest);
  return found === "nothing" ? null : decodeDefinition(await Deno.readFile(unit));
}

/** @throws {CliError} `conflict` when a file is there that is not as the manifest says */
export async function assertOurs(path: string, manifest: Manifest | null): Promise<void> {
  const found = await look(path, manifest);
  if (found === "changed") {
    throw conflict(path, `it was changed after it had been installed: ${await describeForeign(path)}`);
  }
  await assertNotForeign(path, manifest);
}

/** @throws {CliError} `conflict` when a file is there that the manifest does not list */
export async function assertNotForeign(path: string, manifest: Manifest | null): Promise<void> {
  if (await look(path, manifest) !== "foreign") return;
  throw conflict(path, `this agent did not install it, ${await describeForeign(path)}`);
}

function conflict(path: string, fault: string): CliError {
  return new CliError("conflict", `Cannot touch "${path}": ${fault}`, {
    hint: otherName,
  });
}

/** The SHA-256 of a file in hex, "" for what is not a file, null when nothing is there. No link is followed. */
export async function sha256Of(path: string): Promise<string | null> {
  try {
    if (!(await Deno.lstat(path)).isFile) return "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR")) return null;
    throw error;
  }
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** The SHA-256 of bytes in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
