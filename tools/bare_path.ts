import { basename, join } from "node:path";
import { answer, say } from "../cli/terminal/output.ts";

/**
 * Makes a folder of links to the programs that every machine of ours has: node with npm and npx, a shell, and the
 * coreutils; and to those in `extra`. As the only folder of PATH it shows what relies on a program that it does not
 * ask for.
 *
 * @throws {Error} when the shell, node or one of `extra` is not on PATH
 */
export async function makeBarePath(folder: string, extra: string[] = []): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const interpreters = new Set([...needed, ...extra]);
  for (const name of [...needed, ...extra]) {
    const path = await find(name, interpreters);
    if (path === null) throw new Error(`Cannot make a bare PATH: there is no ${name} on this one`);
    await Deno.symlink(path, join(folder, name));
  }
  for (const name of coreutils) {
    const path = await find(name, interpreters);
    if (path !== null) await Deno.symlink(path, join(folder, name));
  }
}

const needed = ["sh", "node", "npm", "npx"];

/** The programs of GNU coreutils 9; a system may build it without some of them. */
const coreutils = [
  ..."[ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp csplit"
    .split(" "),
  ..."cut date dd df dir dircolors dirname du echo env expand expr factor false fmt fold groups head".split(
    " ",
  ),
  ..."hostid id install join kill link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup".split(
    " ",
  ),
  ..."nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm rmdir runcon".split(
    " ",
  ),
  ..."seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty".split(
    " ",
  ),
  ..."sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink".split(
    " ",
  ),
  ..."uptime users vdir wc who whoami yes".split(" "),
];

/** Passes over a script for an interpreter that is not in the folder: a version manager's stand-in for the program. */
async function find(name: string, interpreters: ReadonlySet<string>): Promise<string | null> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = join(folder, name);
    if (!await isFile(path)) continue;
    const interpreter = await interpreterOf(path);
    if (interpreter === null || interpreters.has(interpreter)) return path;
  }
  return null;
}

async function interpreterOf(path: string): Promise<string | null> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(256);
  const length = await file.read(bytes) ?? 0;
  const line = /^#!(.*)/.exec(new TextDecoder().decode(bytes.subarray(0, length)))?.[1];
  return line === undefined ? null : basename(line.trim().split(/\s+/).at(-1) ?? "");
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** `deno run tools/bare_path.ts <folder> [program ...]` prints the folder: `PATH=$(…) deno test …`. */
async function main([folder, ...extra]: string[]): Promise<number> {
  if (folder === undefined) {
    say(`usage: ${basename(import.meta.filename ?? "")} <folder> [program ...]`);
    return 2;
  }
  await makeBarePath(folder, extra);
  answer(await Deno.realPath(folder));
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
