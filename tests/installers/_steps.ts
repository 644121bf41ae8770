import { join } from "node:path";
import { FleetClient } from "../_support/client.ts";
import { temporaryFolder } from "../_support/server.ts";
import { startServerHere } from "../_support/server_here.ts";
import { isRequired, leftOut, testUnless } from "../_support/require.ts";
import { isInstalled } from "../_support/tools.ts";

/** A real server, and its operator's client. */
export interface Fleet {
  fleet: FleetClient;
  url: string;
}

/** One of several stories that share a server. */
export interface Step {
  name: string;
  /** The programs that it takes; without them, it is left out. */
  tools: readonly string[];
  /** It is given an empty folder of its own. */
  work: (given: Fleet & { folder: string }) => Promise<void>;
}

interface Options {
  /** Variables of the server. */
  env?: Record<string, string>;
  /** How many run at a time. */
  sideBySide?: number;
  /** Ends what the steps shared. */
  atTheEnd?: () => Promise<void>;
}

/** A test of steps that share a server and run side by side. */
export function testSteps(
  name: string,
  steps: Step[],
  { env = {}, sideBySide = 3, atTheEnd }: Options = {},
): void {
  const lacking = steps.map(missingFor);
  const isNeedless = lacking.every((missing) => missing !== null);
  testUnless(isNeedless ? lacking[0] ?? "step" : null, name, async (context) => {
    await using folder = await temporaryFolder();
    await using server = await startServerHere({ data: join(folder.path, "data"), env });
    // Some steps run as other users.
    await Deno.chmod(folder.path, 0o755);
    const fleet = new FleetClient(server.base, server.operatorKey);
    const left = Array.from(steps.entries());
    const told = Promise.all(Array.from({ length: sideBySide }, async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [index, step] = next;
        const own = join(folder.path, String(index));
        await context.step({
          ...described(step),
          async fn() {
            await Deno.mkdir(own);
            await step.work({ fleet, url: server.url, folder: own });
          },
        });
      }
    }));
    try {
      await told;
    } finally {
      await atTheEnd?.();
    }
  });
}

/** Steps that run at once cannot each watch what the others open. */
function described(step: Step): Omit<Deno.TestStepDefinition, "fn"> {
  const together = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const missing = missingFor(step);
  if (missing === null) return { name: step.name, ...together };
  return { name: leftOut(step.name, missing), ignore: true, ...together };
}

function missingFor({ tools }: Step): string | null {
  const missing = tools.filter((tool) => !isInstalled(tool) && !isRequired(tool));
  return missing.length === 0 ? null : missing.join(", ");
}
