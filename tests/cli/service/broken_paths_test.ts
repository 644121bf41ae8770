import assert from "node:assert/strict";
import { planInstall } from "../../../cli/service/install.ts";
import { serviceLayout } from "../../../cli/service/layout.ts";
import { CliError } from "../../../cli/terminal/errors.ts";

const planted = "/tmp/x\nExecStartPre=/bin/evil";

for (const name of ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]) {
  Deno.test(`a line break in ${name} → no service is planned: it would be a line of the unit`, async () => {
    const variables: Record<string, string> = { HOME: "/tmp/h", [name]: planted };
    const environment = (variable: string): string | undefined => variables[variable];
    const layout = serviceLayout(environment, { os: "linux", user: true, uid: 1000 });
    const talk = {
      ask: () => assert.fail("nothing is asked"),
      say: (text: string) => assert.fail(text),
      warn: (text: string) => assert.fail(text),
    };
    await assert.rejects(planInstall(layout, {}, { environment, ...talk }), (error: unknown) => {
      assert.ok(error instanceof CliError && error.failure === "usage");
      assert.match(error.message, /^Cannot install the service: the path "[^\n]*" has a control character$/);
      assert.match(error.hint ?? "", /XDG_STATE_HOME/);
      return true;
    });
  });
}
