import assert from "node:assert/strict";
import { join } from "node:path";
import { startServer } from "../../../cli/serve/server.ts";
import { StartError } from "../../../cli/serve/start_error.ts";
import { readSettings } from "../../../supabase/functions/_shared/env.ts";
import { Log } from "../../../supabase/functions/_shared/log.ts";
import { isThere } from "../../_support/program.ts";
import { withFolder } from "../../_support/server.ts";

const certificate = { cert: "not looked at", key: "not looked at" };

for (
  const [hostname, tls] of [
    ["0.0.0.0", null],
    ["0.0.0.0", certificate],
    ["::", certificate],
    ["0:0:0:0:0:0:0:0", certificate],
    ["0", certificate],
    ["::ffff:0.0.0.0", certificate],
    ["192.0.2.1", null],
    ["fleet.example", null],
  ] as const
) {
  const how = `${hostname} ${tls === null ? "without" : "with"} TLS and without a public URL`;
  Deno.test(`a server on ${how} → refused with --public-url, and nothing is made`, async () => {
    await withFolder(async (folder) => {
      const data = join(folder, "data");
      const options = { hostname, port: 0, data, databaseUrl: null, tls, restore: false };
      const env = (): undefined => undefined;
      await assert.rejects(
        startServer(options, { env, settings: readSettings(env), log: new Log(() => undefined) }),
        (error: unknown) => {
          assert.ok(error instanceof StartError && error.failure === "usage");
          assert.match(error.message, /^Cannot listen on .*--public-url/);
          assert.match(error.hint, /--public-url https:/);
          return true;
        },
      );
      assert.equal(await isThere(data), false);
    });
  });
}
