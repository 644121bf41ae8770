import { killWhileCredentialsAreWritten } from "../../_support/agent_kills.ts";

// Many times: tests/long/agent/kills_test.ts.
Deno.test("kill -9 while the credentials are written: there is always a whole file", () =>
  killWhileCredentialsAreWritten({ kills: 1, random: Math.random }));
