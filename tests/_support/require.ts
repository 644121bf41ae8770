/**
 * The name of a test that needs something this host may lack, and whether it is left out.
 *
 * It is left out with its reason in its name, never passed; with `OPENCLAW_REQUIRE=all`, as CI sets it, it
 * runs and fails.
 */
export function required(name: string, missing: string | null): { name: string; ignore: boolean } {
  if (missing === null) return { name, ignore: false };
  if (Deno.env.get("OPENCLAW_REQUIRE") === "all") throw new Error(`Cannot test "${name}": ${missing}`);
  return { name: `${name} (left out: ${missing})`, ignore: true };
}
