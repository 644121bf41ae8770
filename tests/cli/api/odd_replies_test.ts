import assert from "node:assert/strict";
import { health } from "../../../cli/api/agent.ts";
import { oddReplyNames, startOddServer } from "../../_support/odd_replies.ts";

for (const name of oddReplyNames) {
  Deno.test(`a reply with ${name} is read by the program`, async () => {
    using server = startOddServer();
    const outcome = await health({ url: server.urlOf(name) });
    assert.equal(outcome.kind === "ok" && outcome.value, "0.1.0");
  });
}
