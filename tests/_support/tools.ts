import { join } from "node:path";
import { testUnless } from "./require.ts";

/** A test that needs programs of this host; where one is missing, it is left out. */
export function testWith(
  tools: readonly string[],
  name: string,
  work: (context: Deno.TestContext) => Promise<void> | void,
): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  testUnless(missing.length === 0 ? null : missing.join(", "), name, work);
}

/** Whether the host has the program; `root` stands for being allowed to mount. */
export function isInstalled(tool: string): boolean {
  if (tool === "root") return Deno.uid() === 0;
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => isFile(join(folder, tool)));
}

const systemFolders = ["/usr/local/bin", "/usr/bin", "/bin"];

/** Where each user may run it, or null: what root has first in PATH may be in root's home. */
export function findForEveryUser(tool: string): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), ...systemFolders];
  return folders.map((folder) => join(folder, tool)).find((path) => isFile(path) && isOpen(path)) ?? null;
}

function isOpen(path: string): boolean {
  const real = Deno.realPathSync(path);
  const parts = real.split("/").map((_, index, all) => all.slice(0, index + 1).join("/") || "/");
  return parts.every((part) => ((Deno.statSync(part).mode ?? 0) & 0o001) !== 0);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
