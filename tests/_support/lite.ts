import { fileURLToPath } from "node:url";
import { end, run } from "./run.ts";

/** A Supabase project's API, as @supabase/lite gives it. */
export interface LiteApi {
  url: string;
  secretKey: string;
  /** The one user that there is. */
  userId: string;
}

const program = fileURLToPath(new URL("lite_server.ts", import.meta.url));
const secretKey = "sb_secret_for_the_tests_alone_000000000000";
const userId = "a0000000-0000-4000-8000-000000000001";

/** Whether npm gives it to this machine. */
export async function hasLite(): Promise<true | null> {
  const ended = await run(Deno.execPath(), ["cache", "--quiet", "--no-lock", "npm:@supabase/lite@0.10.0"], {
    patienceSeconds: 300,
  });
  return ended?.code === 0 ? true : null;
}

/** An API with this schema and one user, for as long as the work takes. */
export async function withLite(work: (api: LiteApi) => Promise<void>): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "--no-lock", program, secretKey, userId],
    env: { DO_NOT_TRACK: "1", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value: line } = await reader.read();
    if (line === undefined) throw new Error("@supabase/lite did not start");
    await work({ url: line.trim(), secretKey, userId });
  } finally {
    await end(child);
    await reader.cancel();
  }
}
