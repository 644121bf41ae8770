import { join } from "node:path";

type Work = (context: Deno.TestContext) => Promise<void> | void;

/**
 * A test that needs programs of this host. Where one is missing it is ignored, with the reason in its name;
 * with `OPENCLAW_REQUIRE=all` it fails.
 */
export function testWith(tools: readonly string[], name: string, work: Work): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  if (missing.length === 0) Deno.test(name, work);
  else if (Deno.env.get("OPENCLAW_REQUIRE") === "all") {
    Deno.test(name, () => {
      throw new Error(`Cannot test: ${missing.join(", ")} is not installed, and OPENCLAW_REQUIRE is "all"`);
    });
  } else Deno.test.ignore(`${name} (not run: ${missing.join(", ")} is missing)`, work);
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
