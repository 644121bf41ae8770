import { dirname, join } from "node:path";
import { type Host, run, toolsOfInstallSh } from "../_support/installers.ts";

export async function which(tool: string): Promise<string> {
  return (await run(["sh", "-c", 'command -v "$0"', tool])).stdout.trim();
}

/** A folder of all tools that install.sh cannot do without, but curl and what tells a sum. */
export async function onlyTools(host: Host): Promise<string> {
  const bin = join(dirname(host.home), "bin");
  await Deno.mkdir(bin);
  const others = toolsOfInstallSh.filter((tool) => tool !== "mkfifo" && tool !== "sha256sum");
  for (const name of [...others, host.language.command[0] ?? ""]) {
    await Deno.symlink(await which(name), join(bin, name));
  }
  return bin;
}

/** Has Python do something before anything else. */
export async function python(host: Host, what: string): Promise<Record<string, string>> {
  const folder = join(dirname(host.home), "python");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "sitecustomize.py"), `${what}\n`);
  return { PYTHONPATH: folder };
}
