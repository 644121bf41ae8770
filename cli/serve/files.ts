/** Whether there is something at the path. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Writes a file that only its owner can read, whole or not at all: beside its place, synced, and renamed.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${crypto.randomUUID()}`;
  const file = await Deno.open(beside, { write: true, createNew: true, mode: 0o600 });
  try {
    const writer = file.writable.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await file.sync();
    await writer.close();
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside);
    throw error;
  }
}
