import assert from "node:assert/strict";
import type { Host } from "../_support/installers.ts";
import { agentId, agentSecret } from "../_support/vectors.ts";
import { until } from "../_support/wait.ts";
import { type Seen, startAgent, well } from "./_agents.ts";
import { withFront } from "./_front.ts";
import { credentialsText } from "./_scene.ts";

/** An agent that is told to stop says when it is to be back, if it was told: it lives twice, on its fast clock or not. */
export async function tellReturn(host: Host, fast: boolean): Promise<void> {
  for (const [backIn, said] of [["0120", 120], ["", undefined]] as const) {
    const seen: Seen[] = [];
    const front = async (request: Request): Promise<Response> => {
      const path = new URL(request.url).pathname.replace("/functions/v1/", "");
      const one = { at: 0, path, body: await request.json(), token: null };
      seen.push(one);
      return well(one, { beatIn: 600 });
    };
    await withFront(front, async (url) => {
      const text = credentialsText({ id: agentId, secret: agentSecret }, url);
      await Deno.writeTextFile(host.credentials, text);
      host.variables = { OPENCLAW_BACK_IN: backIn };
      const agent = await startAgent(host, fast);
      // On a busy machine, a start of PowerShell takes long.
      await until("a beat", () => seen.length === 2, { timeoutMs: 300_000, everyMs: 200 });
      assert.equal(await agent.stop(), 0, agent.said());
    });
    const told = seen.slice(1).map(({ body }) => [body.status, body.back_in_seconds]);
    assert.deepEqual(told, [["healthy", undefined], ["stopping", said]]);
  }
}
