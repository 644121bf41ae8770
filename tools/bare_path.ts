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
  for (const name of [...needed, ...extra]) {
    const path = await find(name);
    if (path === null) throw new Error(`Cannot make a bare PATH: there is no ${name} on this one`);
    await Deno.symlink(path, join(folder, name));
  }
  for (const name of coreutils) {
    const path = await find(name);
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

async function find(name: string): Promise<string | null> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = join(folder, name);
    if (await isFile(path)) return path;
  }
  return null;
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
