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

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
