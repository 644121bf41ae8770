import assert from "node:assert/strict";

const root = new URL("../../../", import.meta.url);

Deno.test("the service and the agent's program take the same for a secret", async () => {
  const [ours, theirs] = await Promise.all(
    ["supabase/functions/_shared/secret_pattern.ts", "cli/terminal/secret_pattern.ts"].map((path) =>
      Deno.readTextFile(new URL(path, root))
    ),
  );
  assert.equal(ours, theirs, "change both: neither side may load the other's files");
});
