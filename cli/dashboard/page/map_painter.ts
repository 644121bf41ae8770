import { type Layout, layOutMap, placeOf } from "./map_layout.ts";
import type { LiveMap } from "./store.ts";

/** Draws the cells. A change draws its own cell and no other. */
export class MapPainter {
  layout: Layout = layOutMap([], 1, 1);
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  #colors = new Map<string, string>();
  #marked: number | null = null;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /** Everything anew: other agents, another size, other colors. */
  draw(map: LiveMap | null): void {
    const context = this.#context;
    const width = this.#canvas.parentElement?.clientWidth ?? 0;
    if (map === null || context === null || width === 0) return;
    this.layout = layOutMap(map.groups, width, width < 560 ? 240 : 320);
    const scale = devicePixelRatio;
    const height = this.layout.height;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    context.scale(scale, scale);
    const style = getComputedStyle(this.#canvas);
    // A custom property would be read as it is written, with both of its colors.
    const colorOf = (name: string): string => {
      this.#canvas.style.color = `var(--${name})`;
      return style.color;
    };
    this.#colors = new Map([...map.words, "raised", "ink", "soft"].map((word) => [word, colorOf(word)]));
    this.#names(context, width, style.fontFamily);
    for (let index = 0; index < map.cells.length; index++) this.#cell(context, map, index);
    for (let index = 0; index < map.cells.length; index++) this.#spot(context, map, index);
    if (this.#marked !== null) this.#frame(context, this.#marked);
  }

  redraw(map: LiveMap | null, indexes: readonly number[]): void {
    if (map === null || this.#context === null) return;
    const touched = this.#isSmall() ? indexes.flatMap((index) => this.#around(index)) : indexes;
    for (const index of touched) this.#cell(this.#context, map, index);
    for (const index of touched) this.#spot(this.#context, map, index);
  }

  /** Frames one cell, and no other. */
  mark(map: LiveMap | null, index: number | null): void {
    const before = this.#marked;
    this.#marked = index;
    if (map === null || this.#context === null) return;
    if (before !== null) {
      // The frame lies over the cells around it.
      this.redraw(map, this.#around(before));
    }
    if (index !== null) this.#frame(this.#context, index);
  }

  #names(context: CanvasRenderingContext2D, width: number, family: string): void {
    const { blocks } = this.layout;
    context.font = `12px ${family}`;
    context.textBaseline = "middle";
    if (blocks.length < 2 || blocks.length > 40) return;
    for (const { name, count, x, y } of blocks) {
      const isAbove = x === 0;
      context.fillStyle = this.#colors.get("ink") ?? "";
      context.fillText(
        cut(context, name === "" ? "(none)" : name, isAbove ? width - 60 : x - 56),
        0,
        isAbove ? y - 10 : y + 7,
      );
      context.fillStyle = this.#colors.get("soft") ?? "";
      context.textAlign = "right";
      context.fillText(String(count), isAbove ? width : x - 12, isAbove ? y - 10 : y + 7);
      context.textAlign = "left";
    }
  }

  #cell(context: CanvasRenderingContext2D, map: LiveMap, index: number): void {
    const word = map.words[map.cells[index] ?? -1];
    if (word === undefined) return;
    const { pitch, gap } = this.layout;
    const { x, y } = placeOf(this.layout, index);
    const size = pitch - gap;
    context.fillStyle = this.#colors.get("raised") ?? "";
    context.fillRect(x - gap / 2, y - gap / 2, pitch, pitch);
    context.fillStyle = context.strokeStyle = this.#colors.get(word) ?? "";
    if (this.#isSmall()) return context.fillRect(x, y, size, size);
    const sign = signs[word] ?? (matchMedia("(forced-colors: active)").matches ? small : whole);
    sign(context, x, y, size, this.#colors.get("raised") ?? "");
  }

  /** Trouble that would be too small to be seen lies over its neighbors. */
  #spot(context: CanvasRenderingContext2D, map: LiveMap, index: number): void {
    const word = map.words[map.cells[index] ?? -1];
    if (word === undefined || !this.#isSmall() || !troubles.includes(word)) return;
    const { x, y } = placeOf(this.layout, index);
    context.fillStyle = this.#colors.get(word) ?? "";
    context.fillRect(x - 2, y - 2, 6, 6);
  }

  #isSmall(): boolean {
    return this.layout.pitch - this.layout.gap < 6;
  }

  /** The cells around one, and itself. */
  #around(index: number): number[] {
    const { columns } = this.layout;
    return [-2, -1, 0, 1, 2].flatMap((row) =>
      [-2, -1, 0, 1, 2].map((column) => index + row * columns + column)
    );
  }

  #frame(context: CanvasRenderingContext2D, index: number): void {
    const { pitch, gap } = this.layout;
    const { x, y } = placeOf(this.layout, index);
    context.lineWidth = 2;
    context.strokeStyle = this.#colors.get("ink") ?? "";
    context.strokeRect(x - 1, y - 1, pitch - gap + 2, pitch - gap + 2);
  }
}

const troubles = ["offline", "stalled", "unhealthy", "copy", "late"];

type Draw = (context: CanvasRenderingContext2D, x: number, y: number, size: number, paper: string) => void;

const whole: Draw = (context, x, y, size) => context.fillRect(x, y, size, size);

/** Where colors are the reader's own, trouble stands out by its size. */
const small: Draw = (context, x, y, size) =>
  context.fillRect(x + size * 0.35, y + size * 0.35, size * 0.3, size * 0.3);

/** What tells a cell apart without its color. */
const signs: Record<string, Draw> = {
  offline: (context, x, y, size, paper) => {
    context.fillRect(x, y, size, size);
    const inset = size * 0.28;
    context.strokeStyle = paper;
    context.lineWidth = Math.max(1, size / 8);
    context.beginPath();
    context.moveTo(x + inset, y + inset);
    context.lineTo(x + size - inset, y + size - inset);
    context.moveTo(x + size - inset, y + inset);
    context.lineTo(x + inset, y + size - inset);
    context.stroke();
  },
  stalled: (context, x, y, size) => {
    const bar = size * 0.38;
    context.fillRect(x, y, bar, size);
    context.fillRect(x + size - bar, y, bar, size);
  },
  unhealthy: (context, x, y, size) => fill(context, [[x + size / 2, y], [x + size, y + size], [x, y + size]]),
  copy: (context, x, y, size) => {
    context.fillRect(x, y, size * 0.62, size * 0.62);
    context.fillRect(x + size * 0.72, y + size * 0.38, size * 0.28, size * 0.62);
    context.fillRect(x + size * 0.38, y + size * 0.72, size * 0.62, size * 0.28);
  },
  late: (context, x, y, size) => {
    context.beginPath();
    context.arc(x + size / 2, y + size / 2, size / 2, 0, 7);
    context.fill();
  },
  degraded: (context, x, y, size) => fill(context, [[x, y + size], [x + size, y], [x + size, y + size]]),
  pending: (context, x, y, size) => {
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
  },
  stopped: (context, x, y, size) => context.fillRect(x, y + size * 0.4, size, Math.max(1, size * 0.2)),
  revoked: (context, x, y, size) => {
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, y + size);
    context.lineTo(x + size, y);
    context.stroke();
  },
};

function fill(context: CanvasRenderingContext2D, points: [number, number][]): void {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.fill();
}

function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let short = [...text];
  while (short.length > 1 && context.measureText(`${short.join("")}…`).width > width) {
    short = short.slice(0, -1);
  }
  return `${short.join("")}…`;
}
