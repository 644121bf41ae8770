import { signal } from "@preact/signals-core";
import { Component, type ComponentChildren, createRef, type VNode } from "preact";
import { listHeight, type Slice, sliceOf } from "./virtual.ts";

interface Props {
  label: string;
  count: number;
  rowHeight: () => number;
  /** How many rows stand in the document, at most. */
  most: number;
  /** Whether the list scrolls in itself, or with the page. */
  isOwn?: boolean;
  columns: string[];
  onSlice: (slice: Slice) => void;
  children: (index: number) => ComponentChildren;
}

/** A table of rows of one height, of which only those that are seen stand in the document. */
export class VirtualRows extends Component<Props> {
  readonly #frame = createRef<HTMLDivElement>();
  readonly #body = createRef<HTMLDivElement>();
  readonly #slice = signal<Slice>({ first: 0, end: 12, top: 0 });
  #scroller: EventTarget | null = null;

  override componentDidMount(): void {
    this.#scroller = this.props.isOwn ? this.#frame.current : window;
    this.#scroller?.addEventListener("scroll", this.#look, { passive: true });
    addEventListener("resize", this.#look);
    this.#look();
  }

  override componentDidUpdate(before: Props): void {
    this.#place();
    if (before.count !== this.props.count) this.#look();
  }

  override componentWillUnmount(): void {
    this.#scroller?.removeEventListener("scroll", this.#look);
    removeEventListener("resize", this.#look);
  }

  readonly #look = (): void => {
    const { current: frame } = this.#frame;
    const { current: body } = this.#body;
    if (frame === null || body === null) return;
    const { count, most, isOwn } = this.props;
    const rowHeight = this.props.rowHeight();
    body.style.height = `${listHeight(count, rowHeight)}px`;
    const above = isOwn ? frame.getBoundingClientRect().top : 0;
    const height = isOwn ? frame.clientHeight : innerHeight;
    const next = sliceOf({
      count,
      rowHeight,
      scrolled: above - body.getBoundingClientRect().top,
      height,
      most,
    });
    const { first, end, top } = this.#slice.peek();
    if (next.first !== first || next.end !== end || next.top !== top) this.#slice.value = next;
    this.#place();
    this.props.onSlice(next);
  };

  /** By the style's own object: the page allows no style in its text. */
  #place(): void {
    const { current: body } = this.#body;
    if (body?.firstElementChild instanceof HTMLElement) {
      body.firstElementChild.style.transform = `translateY(${this.#slice.peek().top}px)`;
    }
  }

  render({ label, count, isOwn = false, columns, children }: Props): VNode {
    const { first, end } = this.#slice.value;
    const shown = Array.from(
      { length: Math.max(0, Math.min(end, count) - first) },
      (_, offset) => first + offset,
    );
    return (
      <div
        class={isOwn ? "rows own" : "rows"}
        ref={this.#frame}
        role="table"
        aria-label={label}
        aria-rowcount={count + 1}
        tabIndex={isOwn ? 0 : undefined}
      >
        <div role="rowgroup">
          <div class="row head" role="row">
            {columns.map((title) => <span key={title} role="columnheader">{title}</span>)}
          </div>
        </div>
        <div class="body" ref={this.#body} role="rowgroup">
          <div role="presentation">{shown.map(children)}</div>
        </div>
      </div>
    );
  }
}
