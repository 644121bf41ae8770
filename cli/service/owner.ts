import { isErrno } from "../terminal/errors.ts";

/** What leads past another program that has one of our names. */
export const otherName = "--name fleet-agent, which takes another name for all that is installed";

/** Whose a file seems to be. */
export async function ownerOf(path: string): Promise<string> {
  const { uid } = await Deno.lstat(path);
  return uid === null ? "another user" : uid === 0 ? "root" : `user ${uid}`;
}

/** What stands at a path that we have not written, and whose it seems to be. */
export async function describeForeign(path: string): Promise<string> {
  try {
    const target = await Deno.realPath(path);
    if (/[/\\]node_modules[/\\]openclaw[/\\]/.test(target)) return "it is npm's openclaw";
    return target === path ? `it is a file of ${await ownerOf(path)}` : `it is a link to "${target}"`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isErrno(error, "ENOTDIR", "ELOOP")) {
      return "it is a link to nothing";
    }
    throw error;
  }
}
