import { effect, signal } from "@preact/signals-core";
import { Component, createRef, type VNode } from "preact";
import { cellAt, cellByKey } from "./map_layout.ts";
import { MapPainter } from "./map_painter.ts";
import { needRows } from "./row_source.ts";
import { dirty, map, rows } from "./store.ts";

/** One cell an agent. One tab stop: arrows move, letters find a name, Enter opens. */
export class FleetMap extends Component {
  readonly #canvas = createRef<HTMLCanvasElement>();
  readonly #at = signal<number | null>(null);
  readonly #typed = { text: "", until: 0 };
  #painter: MapPainter | null = null;
  #stop: (() => void)[] = [];

  override componentDidMount(): void {
    const { current } = this.#canvas;
    if (current === null) return;
    const painter = this.#painter = new MapPainter(current);
    const redraw = (): void => painter.draw(map.peek());
    const sizes = new ResizeObserver(redraw);
    sizes.observe(current.parentElement ?? current);
    const queries = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) =>
      matchMedia(query)
    );
    for (const query of queries) query.addEventListener("change", redraw);
    this.#stop = [
      effect(() => painter.draw(map.value)),
      effect(() => {
        if (dirty.value.length === 0) return;
        painter.redraw(map.peek(), dirty.value);
        dirty.value = [];
      }),
      effect(() => {
        const at = this.#at.value;
        painter.mark(map.peek(), at);
        if (at !== null) needRows(at, at + 1);
      }),
      () => sizes.disconnect(),
      () => queries.forEach((query) => query.removeEventListener("change", redraw)),
    ];
  }

  override componentWillUnmount(): void {
    for (const stop of this.#stop) stop();
  }

  readonly #open = (): void => {
    const agent = this.#at.value === null ? undefined : rows.value.get(this.#at.value);
    if (agent !== undefined) location.hash = `#/agents/${agent.id}`;
  };

  readonly #move = (event: KeyboardEvent): void => {
    const layout = this.#painter?.layout;
    const known = map.value;
    if (layout === undefined || known === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") return this.#open();
    const from = this.#at.value ?? 0;
    const next = event.key.length === 1
      ? find(this.#typed, event.key, from)
      : cellByKey(layout, from, event.key, known.cells.length);
    if (next === null) return;
    event.preventDefault();
    this.#at.value = next;
  };

  readonly #point = (event: MouseEvent): void => {
    const box = this.#canvas.current?.getBoundingClientRect();
    const layout = this.#painter?.layout;
    if (box === undefined || layout === undefined) return;
    this.#at.value = cellAt(layout, event.clientX - box.x, event.clientY - box.y);
  };

  render(): VNode {
    const leave = (): void => void (this.#at.value = null);
    return (
      <section class="map" aria-labelledby="map">
        <h2 id="map">Map</h2>
        <div class="picture">
          <div>
            <canvas
              ref={this.#canvas}
              tabIndex={0}
              role="application"
              aria-roledescription="map of the fleet"
              aria-label="One cell an agent. Arrows move, letters find a name, Enter opens."
              aria-describedby="cell"
              onKeyDown={this.#move}
              onFocus={() => this.#at.value ??= 0}
              onBlur={leave}
              onMouseMove={this.#point}
              onMouseLeave={leave}
              onClick={this.#open}
            />
          </div>
        </div>
        <p id="cell" class="cell" aria-live="polite">{describe(this.#at.value)}</p>
      </section>
    );
  }
}

/** The cell under the finger in words. */
function describe(index: number | null): VNode | string {
  const known = map.value;
  const cell = index === null ? undefined : known?.cells[index];
  if (known === null || index === null || cell === undefined) return "\u00a0";
  const agent = rows.value.get(index);
  const word = known.words[cell] ?? "";
  return (
    <>
      <b class={word}>{word}</b> <bdi>{agent?.name ?? "…"}</bdi> <span class="num">{index + 1}</span>
    </>
  );
}

/** The next agent of those that are known whose name begins with what was typed within a second. */
function find(typed: { text: string; until: number }, key: string, from: number): number | null {
  typed.text = performance.now() < typed.until ? typed.text + key.toLowerCase() : key.toLowerCase();
  typed.until = performance.now() + 1000;
  const fits = [...rows.value].filter(([, { name }]) => name.toLowerCase().startsWith(typed.text))
    .map(([index]) => index).sort((one, other) => one - other);
  return fits.find((index) => typed.text.length > 1 ? index >= from : index > from) ?? fits[0] ?? null;
}
