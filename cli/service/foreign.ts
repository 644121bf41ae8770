import { join } from "node:path";
import { CliError } from "../terminal/errors.ts";
import type { ServiceLayout } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { changingNames, isThere, sortNames } from "./own_files.ts";
import { otherName, ownerOf } from "./owner.ts";
import type { Ask } from "./perform.ts";

/**
 * A first installation takes no folder in which another program keeps something. What a user of ours puts beside our
 * files later does not hinder the next one.
 *
 * @throws {CliError} `conflict` that names what is there, and its owner
 */
export async function assertFoldersFree(layout: ServiceLayout, manifest: Manifest | null): Promise<void> {
  if (manifest !== null) return;
  for (const folder of layout.folders) {
    const others = await othersIn(folder, [...changingNames(layout), ...waiting]);
    const [first] = others;
    if (first === undefined) continue;
    const names = others.slice(0, 3).map((name) => `"${name}"`).join(", ");
    throw new CliError(
      "conflict",
      `Cannot install the service: "${folder}" has files of another program: ${names}, of ${await ownerOf(
        join(folder, first),
      )}`,
      { hint: otherName },
    );
  }
}

/** What a user may have written before the installation: an environment, the task that an installer has begun. */
const waiting = ["environment", "task.xml"];

async function othersIn(folder: string, names: string[]): Promise<string[]> {
  try {
    return (await sortNames(folder, names)).others;
  } catch (error) {
    // A dry run of another user than root may not look there.
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw error;
  }
}

/** The users that systemd makes for running services, which end with them. */
const dynamicUsers = { first: 61_184, last: 65_519 };

/**
 * systemd would run the service as a user of that name that is there, who could then end it and read its files.
 *
 * @throws {CliError} `conflict`
 */
export async function assertUserFree(layout: ServiceLayout, ask: Ask): Promise<void> {
  if (layout.os !== "linux" || layout.scope !== "system") return;
  const { word } = layout.names;
  const { code, output } = await ask(["id", "-u", word]);
  const uid = Number(output);
  if (code !== 0 || (uid >= dynamicUsers.first && uid <= dynamicUsers.last)) return;
  throw new CliError(
    "conflict",
    `Cannot install the service: this host has a user "${word}" (${output}), and the service makes one of its own`,
    { hint: otherName },
  );
}

/** systemd gives the service's folder, with all that is in it, to the agent's user. */
export async function assertNoServerIn({ folders }: ServiceLayout): Promise<void> {
  for (const path of folders.flatMap((folder) => serverKeys.map((name) => join(folder, name)))) {
    if (!await isVisible(path)) continue;
    throw new CliError(
      "conflict",
      `Cannot install the service: its folder has the keys of a server, "${path}"`,
      {
        hint:
          "move the server's data to another folder: openclaw-server serve --data /var/lib/openclaw-server",
      },
    );
  }
}

/** A dry run of another user than root may not look there. */
async function isVisible(path: string): Promise<boolean> {
  try {
    return await isThere(Deno.lstat, path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

const serverKeys = ["operator-key", "jwt-keys.json"];
