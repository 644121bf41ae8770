/** The tallest element that every browser can show. */
const tallest = 8_000_000;
/** Rows outside of what is seen, on each side. */
const margin = 6;

/** Which of the rows stand in the document, and where. */
export interface Slice {
  first: number;
  end: number;
  /** Where the first of them stands, in pixels from the list's top. */
  top: number;
}

/** The height of a list of rows of one height. */
export function listHeight(count: number, rowHeight: number): number {
  return Math.min(count * rowHeight, tallest);
}

/**
 * The rows to show where `scrolled` pixels of the list are above the window of `height` pixels: those that are seen and
 * a few around them, `most` at most. A list that is taller than a browser can show is scrolled in proportion.
 */
export function sliceOf(
  { count, rowHeight, scrolled, height, most }: {
    count: number;
    rowHeight: number;
    scrolled: number;
    height: number;
    most: number;
  },
): Slice {
  const whole = listHeight(count, rowHeight);
  const seen = Math.min(Math.ceil(height / rowHeight) + 1, most, count);
  const offset = Math.max(0, Math.min(scrolled, whole - height));
  const reach = Math.max(1, whole - height);
  const exact = whole === count * rowHeight
    ? offset / rowHeight
    : (offset / reach) * (count - height / rowHeight);
  const around = Math.min(margin, Math.floor((most - seen) / 2));
  const first = Math.max(0, Math.min(Math.floor(exact), count - seen) - around);
  const end = Math.min(count, first + seen + 2 * around);
  return { first, end, top: offset - (exact - first) * rowHeight };
}
