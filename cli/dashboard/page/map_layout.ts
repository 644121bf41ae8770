/** How the cells of the map lie in its picture. */
export interface Layout {
  /** The distance from one cell to the next, from above. */
  pitch: number;
  /** The same from the left: a little more, so that rows are as wide as the map. */
  step: number;
  /** The space between two cells. */
  gap: number;
  columns: number;
  height: number;
  blocks: Block[];
}

/** The cells of one group. */
export interface Block {
  name: string;
  start: number;
  count: number;
  /** Where its first cell stands. */
  x: number;
  y: number;
  /** Cells before the first one in its first row: groups without names follow one another. */
  indent: number;
}

export interface Group {
  name: string | null;
  count: number;
}

const pitches = [16, 14, 12, 10, 8, 7, 6, 5, 4, 3];
/** More groups than this have no names beside them. */
const mostNamed = 40;

/** The largest cells with which the map is at most `most` pixels high, or the smallest there are. */
export function layOutMap(groups: readonly Group[], width: number, most: number): Layout {
  let layout = layOutWith(groups, width, 16);
  for (const pitch of pitches) {
    layout = layOutWith(groups, width, pitch);
    if (layout.height <= most) break;
  }
  return layout;
}

function layOutWith(groups: readonly Group[], width: number, pitch: number): Layout {
  const gap = pitch >= 10 ? 2 : 1;
  const isNamed = groups.length > 1 && groups.length <= mostNamed;
  const isNarrow = width < 560;
  const left = isNamed && !isNarrow ? 144 : 0;
  const columns = Math.max(1, Math.floor((width - left + gap) / pitch));
  const blocks: Block[] = [];
  let start = 0;
  let y = 0;
  let indent = 0;
  for (const { name, count } of groups) {
    if (isNamed && isNarrow) y += 20;
    const rows = Math.max(1, Math.ceil((indent + count) / columns));
    blocks.push({ name: name ?? "", start, count, x: left, y, indent });
    start += count;
    if (isNamed) y += Math.max(rows * pitch, isNarrow ? 0 : 18) + 8;
    else {
      const end = indent + count + 1;
      y += Math.floor(end / columns) * pitch;
      indent = end % columns;
    }
  }
  const step = (width - left + gap) / columns;
  return { pitch, step, gap, columns, blocks, height: Math.max(isNamed ? y - 8 : y + pitch, pitch) };
}

/** Where a cell stands. */
export function placeOf(layout: Layout, index: number): { x: number; y: number } {
  const block = blockOf(layout, index);
  if (block === undefined) return { x: 0, y: 0 };
  const at = index - block.start + block.indent;
  return {
    x: block.x + Math.round((at % layout.columns) * layout.step),
    y: block.y + Math.floor(at / layout.columns) * layout.pitch,
  };
}

/** The cell at a place, or null between them. */
export function cellAt(layout: Layout, x: number, y: number): number | null {
  for (const block of layout.blocks) {
    const column = Math.floor((x - block.x) / layout.step);
    const row = Math.floor((y - block.y) / layout.pitch);
    if (column < 0 || column >= layout.columns || row < 0) continue;
    const at = row * layout.columns + column - block.indent;
    if (at >= 0 && at < block.count) return block.start + at;
  }
  return null;
}

/** The group that a cell is in. */
export function blockOf({ blocks }: Layout, index: number): Block | undefined {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((blocks[middle]?.start ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return blocks[low];
}

/** The cell that a key leads to from another one. */
export function cellByKey(layout: Layout, index: number, key: string, count: number): number | null {
  const down = layout.columns;
  const steps: Record<string, number> = {
    ArrowRight: index + 1,
    ArrowLeft: index - 1,
    ArrowDown: index + down,
    ArrowUp: index - down,
    Home: 0,
    End: count - 1,
    PageDown: index + 10 * down,
    PageUp: index - 10 * down,
  };
  const to = steps[key];
  return to === undefined ? null : Math.max(0, Math.min(count - 1, to));
}
