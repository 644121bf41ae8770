import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "./server.ts";
import { type Ended, run, succeed } from "./run.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const env = { DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1", npm_config_loglevel: "error" };

let program: Promise<string | null> | null = null;

/** Whether the supabase CLI runs here, from npm. */
export async function hasSupabaseCli(): Promise<boolean> {
  return await findSupabaseCli() !== null;
}

/** The program itself, looked for once: each start through npx costs more than what it starts. */
function findSupabaseCli(): Promise<string | null> {
  program ??= find();
  return program;
}

async function find(): Promise<string | null> {
  const args = ["-y", "-p", "supabase@3.1.0", "-c", "command -v supabase && supabase --version >&2"];
  const ended = await run("npx", args, { env, timeoutSeconds: 300 });
  return ended?.code === 0 ? ended.stdout.trim() : null;
}

/** Runs the supabase CLI in a copy of this project, for it writes into the folder that it works in. */
export async function supabase(args: string[]): Promise<Ended> {
  return await withFolder(async (folder) => {
    const project = join(folder, "supabase");
    await Deno.mkdir(join(project, "migrations"), { recursive: true });
    for (const file of ["config.toml", ...await migrationFiles()]) {
      await Deno.copyFile(join(root, "supabase", file), join(project, file));
    }
    return await succeed(await findSupabaseCli() ?? "supabase", args, {
      cwd: folder,
      env,
      timeoutSeconds: 120,
    });
  });
}

/** `migrations/<version>_<name>.sql`, in their order. */
export async function migrationFiles(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(join(root, "supabase/migrations"))) {
    files.push(`migrations/${name}`);
  }
  return files.sort();
}

/** The schema's types, as the CLI generates them, formatted as this project is. */
export async function generateTypes(address: string): Promise<string> {
  const { stdout } = await supabase(["gen", "types", `--remote=${address}`, "--schema", "public"]);
  const start = stdout.indexOf("export type Json");
  if (start === -1) throw new Error(`The supabase CLI printed no types: ${stdout}`);
  return await format(stdout.slice(start));
}

/** TypeScript, formatted as this project is. */
export async function format(source: string): Promise<string> {
  const args = ["fmt", "--quiet", "--ext", "ts", "-"];
  return (await succeed(Deno.execPath(), args, { cwd: root, stdin: source })).stdout;
}
