import assert from "node:assert/strict";
import { assertEnded, type Host, installPy, run } from "../_support/installers.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { withFront } from "./_front.ts";

/** install.py that is cut at every nth line, at each of so many last ones, or within the last, does nothing. */
export async function tellCuts(host: Host, { every, last }: { every: number; last: number }): Promise<void> {
  let asked = 0;
  await withFront(() => (asked++, new Response("{}")), async (url) => {
    const script = `
import os, sys
with open(sys.argv[1], encoding="utf-8") as file:
    whole = file.read().rstrip("\\n")
del sys.argv[1:]
last = whole.rindex("\\n")
lines = [at for at, one in enumerate(whole) if one == "\\n"]
ends = lines[::${every}] + lines[-${last}:] + list(range(last, len(whole)))
for end in ends:
    try:
        exec(compile(whole[:end], "cut", "exec"), {"__name__": "__main__"})
    except (SyntaxError, NameError):
        pass
print(len(ends))
`;
    const env = {
      HOME: host.home,
      OPENCLAW_URL: url,
      OPENCLAW_AGENT_ID: agentId,
      OPENCLAW_AGENT_SECRET: agentSecret,
    };
    const ended = await run(["python3", "-W", "error", "-c", script, installPy], { env });
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(
      Number(ended.stdout) > last + 1000 / every && ended.stdout.split("\n").length === 2,
      ended.stdout,
    );
    assert.equal(ended.stderr, "");
    assert.equal(asked, 0);
    assert.deepEqual(await host.tree(), {});
    assertEnded(await host.run([], { env }), 6);
    assert.equal(asked, 1);
  });
}
