import { join } from "node:path";
import { isErrno } from "../terminal/errors.ts";

/** What opens a file in the browser that the user has chosen. */
const openers: Partial<Record<typeof Deno.build.os, [program: string, ...args: string[]]>> = {
  linux: ["xdg-open"],
  darwin: ["open"],
  windows: ["cmd", "/c", "start", ""],
};

/**
 * A file of this user's own that leads a browser to an address. The address has a secret, and what a browser is opened
 * with is visible to every user of the host.
 */
export class BrowserPage {
  #folder: string | null = null;

  /** Opens a browser at the address; where that cannot be done, it says so. */
  async open(address: string, say: (text: string) => void): Promise<void> {
    const [program, ...args] = openers[Deno.build.os] ?? ["xdg-open"];
    // Its mode is 0700.
    this.#folder = await Deno.makeTempDir({ prefix: "openclaw-dashboard-" });
    const file = join(this.#folder, "open.html");
    await Deno.writeTextFile(
      file,
      `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>openclaw</title>` +
        `<meta http-equiv="refresh" content="0;url=${address}"><a href="${address}">Open the page</a>\n`,
      { mode: 0o600, createNew: true },
    );
    const excuse = (): void => say("no browser could be opened: open the address in one");
    try {
      const command = new Deno.Command(program, {
        args: [...args, file],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      });
      // Some browsers are waited for until they are closed.
      void command.spawn().status.then(({ success }) => success ? undefined : excuse());
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && !isErrno(error, "ENOENT")) throw error;
      excuse();
    }
  }

  remove(): void {
    if (this.#folder !== null) Deno.removeSync(this.#folder, { recursive: true });
    this.#folder = null;
  }
}
