import assert from "node:assert/strict";
import { shellQuote } from "../../../../cli/host/shell_quote.ts";
import { fakeAgent, offlineAgent, operatorKey, startFakeFleet } from "../../../_support/fake_fleet.ts";
import { ownEnvironment } from "../../../_support/program.ts";
import { succeed } from "../../../_support/run.ts";
import { openclaw, temporaryFolder } from "../../../_support/server.ts";
import { testWith } from "../../../_support/tools.ts";

const tools = ["tmux", "stty", "sh", "env"];

/** A shell in tmux of 80 by 24, a terminal that does what a real one does. */
class Tmux implements AsyncDisposable {
  readonly #options: string[];

  constructor(readonly home: string) {
    this.#options = ["-S", `${home}/tmux`, "-f", "/dev/null"];
  }

  async start(): Promise<this> {
    const shell = ["env", "PS1=READY> ", "sh"];
    await this.#run("new-session", "-d", "-x", "80", "-y", "24", ...shell);
    return this;
  }

  async type(text: string): Promise<void> {
    await this.#run("send-keys", "-l", text);
  }

  async press(...keys: string[]): Promise<void> {
    await this.#run("send-keys", ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#run("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What is shown, once it fits. */
  async until(fits: RegExp): Promise<string> {
    for (let tries = 0; tries < 600; tries++) {
      const shown = await this.#run("capture-pane", "-p");
      if (fits.test(shown)) return shown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`This did not come: ${fits}\n${await this.#run("capture-pane", "-p")}`);
  }

  async format(format: string): Promise<string> {
    return (await this.#run("display-message", "-p", format)).trim();
  }

  async #run(...args: string[]): Promise<string> {
    const env = { ...ownEnvironment(this.home), LANG: "C.UTF-8", NO_COLOR: "" };
    return (await succeed("tmux", [...this.#options, ...args], { env, cwd: this.home }))
      .stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run("kill-server");
  }
}

/** The line that starts `top` in the shell, with its process id in a file. */
function lineOf(home: string, url: string): string {
  const { program, args } = openclaw(["top"]);
  const env = `OPENCLAW_URL=${url} OPENCLAW_OPERATOR_KEY=${operatorKey}`;
  const command = [program, ...args].map(shellQuote).join(" ");
  const script = `${home}/top.sh`;
  Deno.writeTextFileSync(script, `echo $$ >pid\nexport ${env}\nexec ${command}\n`);
  return "sh top.sh; echo ENDED $?";
}

const ends: [string, (tmux: Tmux, pid: number) => Promise<unknown> | void, number][] = [
  ["q", (tmux) => tmux.press("q"), 0],
  ["kill -TERM", (_, pid) => Deno.kill(pid, "SIGTERM"), 0],
  ["kill -HUP", (_, pid) => Deno.kill(pid, "SIGHUP"), 0],
  ["kill -INT", (_, pid) => Deno.kill(pid, "SIGINT"), 0],
];
for (const [name, end, code] of ends) {
  testWith(
    tools,
    `openclaw top in tmux fits each size, and ${name} leaves the terminal as it was`,
    async () => {
      using server = startFakeFleet([offlineAgent(1), fakeAgent(2)]);
      await using home = await temporaryFolder();
      await using tmux = await new Tmux(home.path).start();
      await tmux.until(/READY>/);
      await tmux.type("stty -a >before; echo HERE BEFORE\n");
      await tmux.until(/^HERE BEFORE$/m);
      await tmux.type(`${lineOf(home.path, server.url)}\n`);
      await tmux.until(/^1 offline of 2\. Updated/m);
      assert.equal(await tmux.format("#{alternate_on}#{cursor_flag}"), "10");
      for (const [columns, rows] of [[40, 12], [200, 50], [80, 24]] as const) {
        await tmux.resize(columns, rows);
        await tmux.until(new RegExp(`^1 offline of 2\\.(?:.*\\n){${rows - 1}}\\? help`));
      }
      const pid = Number(await Deno.readTextFile(`${home.path}/pid`));
      await end(tmux, pid);
      const shown = await tmux.until(new RegExp(`^ENDED ${code}$`, "m"));
      assert.match(shown, /^HERE BEFORE$/m, "what was there before is shown again");
      assert.doesNotMatch(shown, /offline of 2/);
      assert.equal(await tmux.format("#{alternate_on}#{cursor_flag}"), "01");
      await tmux.type("stty -a >after; echo HERE AFTER\n");
      await tmux.until(/^HERE AFTER$/m);
      const [before, after] = ["before", "after"].map((file) =>
        Deno.readTextFileSync(`${home.path}/${file}`)
      );
      assert.equal(after, before);
    },
  );
}
