// deno-lint-ignore-file no-console -- a demo prints
import { fileURLToPath } from "node:url";
import { showIncidents } from "../tests/_support/incident_show.ts";

// What three receivers are told of 1,000 simulated agents: a site of 40 is cut off, three stand still, the server is
// stopped for twenty minutes, 200 are deployed. Time is passed over, so that it takes about a minute.
//
//   deno task demo:incidents

if (import.meta.main) {
  const data = await Deno.makeTempDir({ prefix: "openclaw-demo-" });
  const program = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
  try {
    const { gaps } = await showIncidents(`${data}/openclaw-data`, {
      tell: (line) => console.log(line),
      async look({ url, operatorKey }) {
        console.log("\nopenclaw incidents --state all");
        const { code } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "--quiet", "--allow-all", program, "incidents", "--state", "all"],
          env: { OPENCLAW_URL: url, OPENCLAW_OPERATOR_KEY: operatorKey },
        }).spawn().status;
        if (code !== 0) Deno.exitCode = 1;
      },
    });
    console.log(`\nthe server has it on record that it was away: ${gaps === 1 ? "once" : `${gaps} times`}`);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
  Deno.exit();
}
