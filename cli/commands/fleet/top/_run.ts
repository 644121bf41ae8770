import type { Environment } from "../../../host/paths.ts";
import type { Operator } from "../../../operator/operator.ts";
import { say } from "../../../terminal/output.ts";
import { showsUtf8 } from "../../../terminal/plain.ts";
import { Screen, type Size, terminalSize } from "../../../terminal/screen.ts";
import { Suspension } from "../../../terminal/suspend.ts";
import { readTyped } from "../../../terminal/typed.ts";
import { Resized } from "../_resized.ts";
import { draw } from "./_draw.ts";
import { lookAt } from "./_look.ts";
import { perform } from "./_perform.ts";
import { initialState, type Moment, nameOf, type State, wantedKey, wantedOf } from "./_state.ts";
import { type Event, update } from "./_update.ts";

const fallbackSize: Size = { columns: 80, rows: 24 };
/** The seconds between two looks: more where a look takes long, so that a large fleet is asked less often. */
const everySeconds = { least: 2, most: 6, timesAsLong: 4 };
const replyTimeoutMs = 8_000;
/** The rest of a key's sequence follows at once. */
const sequenceMs = 50;

/**
 * Shows the fleet until somebody leaves; the terminal is put back whatever ends it. What is being done when somebody leaves
 * is waited for, and told.
 *
 * @throws {CliError} for a credential that the server refuses
 */
export async function runTop(
  operator: Operator,
  { environment, ...from }: Pick<State, "query" | "group"> & { environment: Environment },
): Promise<void> {
  const session = new Session(operator, { environment, ...from });
  try {
    await session.ended;
  } finally {
    session[Symbol.dispose]();
  }
  await session.finish();
}

class Session implements Disposable {
  /** Resolves when somebody leaves, and rejects with what nobody foresaw. */
  readonly ended: Promise<void>;
  readonly #end = Promise.withResolvers<void>();
  readonly #operator: Operator;
  readonly #screen: Screen;
  readonly #suspension: Suspension;
  readonly #resized = new Resized();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #isPlain: boolean;
  readonly #maySuspend: boolean;
  readonly #leaving = new AbortController();
  #looking = new AbortController();
  #state: State;
  #typed = "";
  #flush: ReturnType<typeof setTimeout> | undefined;
  #doing: { name: string; done: Promise<{ text: string; isFault: boolean }> } | null = null;

  constructor(
    operator: Operator,
    { environment, query, group }: Pick<State, "query" | "group"> & { environment: Environment },
  ) {
    this.#operator = operator;
    this.#state = initialState({ query, group, isReader: operator.isReader });
    this.#isPlain = !showsUtf8(environment, Deno.build.os);
    // A task runner would go on waiting, and nobody could type.
    this.#maySuspend = environment("INIT_CWD") === undefined;
    this.#screen = new Screen({ type: (text) => this.#type(text) });
    const redraw = (): void => this.#guard(() => this.#draw());
    this.#suspension = new Suspension(this.#screen, redraw);
    this.#resized.redraw = redraw;
    this.#timer = setInterval(redraw, 1000);
    this.ended = Promise.race([this.#end.promise, this.#screen.left]);
    redraw();
    this.#look().catch((error) => this.#end.reject(error));
  }

  /** Waits for what is being done, and says what it came to. */
  async finish(): Promise<void> {
    if (this.#doing === null) return;
    say(`waiting for what was begun: ${this.#doing.name}`);
    say((await this.#doing.done).text);
  }

  /** An error ends the session, and the terminal is put back before it is told. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end.reject(error);
    }
  }

  #draw(): void {
    const size = terminalSize() ?? fallbackSize;
    this.#screen.draw(draw(this.#state, { size, now: moment(), isPlain: this.#isPlain }), size);
  }

  #type(text: string): void {
    clearTimeout(this.#flush);
    const { keys, rest } = readTyped(this.#typed + text);
    this.#typed = rest;
    if (rest !== "") {
      this.#flush = setTimeout(() => {
        this.#typed = "";
        if (rest === "\u001b") this.#apply({ kind: "key", key: "escape", now: Date.now() });
      }, sequenceMs);
    }
    for (const key of keys) this.#apply({ kind: "key", key, now: Date.now() });
  }

  #apply(event: Event): void {
    this.#guard(() => {
      const before = this.#state;
      this.#state = update(before, event);
      this.#follow(before);
      this.#draw();
    });
  }

  /** Does what the state has come to want. */
  #follow(before: State): void {
    const { wants, order } = this.#state;
    this.#state = { ...this.#state, wants: null };
    if (wants === "leave") this.#end.resolve();
    if (wants === "redraw") this.#screen.resume();
    if (wants === "suspend" && !(this.#maySuspend && this.#suspension.suspend())) {
      this.#state = update(this.#state, { kind: "note", text: "this program cannot be suspended here" });
    }
    if (order !== null && order !== before.order) this.#do(order);
    const [old, wanted] = [wantedOf(before), wantedOf(this.#state)];
    if (wantedKey(old) !== wantedKey(wanted) || old.opened?.id !== wanted.opened?.id) this.#looking.abort();
  }

  #do(order: NonNullable<State["order"]>): void {
    const done = perform(this.#operator, order);
    this.#doing = { name: `${order.choice.title}, ${nameOf(order.target)}`, done };
    done.then((result) => {
      this.#doing = null;
      this.#apply({ kind: "done", ...result });
      this.#looking.abort();
    }, (error) => this.#end.reject(error));
  }

  /** Looks at the fleet again and again, and at once when something else is to be shown. */
  async #look(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      this.#looking = new AbortController();
      const signal = AbortSignal.any([this.#looking.signal, this.#leaving.signal]);
      const at = moment();
      const { rows } = terminalSize() ?? fallbackSize;
      const looked = await lookAt(this.#operator, wantedOf(this.#state), {
        rows: Math.max(10, Math.min(rows, 100)),
        at,
        limits: { signal, timeoutMs: replyTimeoutMs },
      });
      if (signal.aborted) continue;
      this.#apply(
        "look" in looked ? { kind: "look", look: looked.look } : { kind: "failure", reason: looked.failure },
      );
      const { least, most, timesAsLong } = everySeconds;
      const took = (performance.now() - at.monotonic) / 1000;
      const retryAfter = "look" in looked ? 0 : looked.retryAfter;
      await wait(Math.max(retryAfter, Math.min(most, Math.max(least, timesAsLong * took))), signal);
    }
  }

  [Symbol.dispose](): void {
    this.#leaving.abort();
    clearInterval(this.#timer);
    clearTimeout(this.#flush);
    this.#resized[Symbol.dispose]();
    this.#suspension[Symbol.dispose]();
    this.#screen[Symbol.dispose]();
  }
}

function moment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

function wait(seconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  }, { once: true });
  return signal.aborted ? Promise.resolve() : promise;
}
