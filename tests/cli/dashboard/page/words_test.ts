import assert from "node:assert/strict";
import { formatFilters, parseFilters, toggled } from "../../../../cli/dashboard/page/filters.ts";
import { blockOf, cellAt, cellByKey, layOutMap, placeOf } from "../../../../cli/dashboard/page/map_layout.ts";
import { listHeight, sliceOf } from "../../../../cli/dashboard/page/virtual.ts";
import { agoText, capitalized, labelsText, momentText } from "../../../../cli/dashboard/page/words.ts";

const noon = Date.parse("2026-11-23T12:00:00Z");

Deno.test("filters come back from the address as they went in, and what is not known in one is passed over", () => {
  const filters = {
    q: "a&b=ü",
    liveness: ["late", "offline"],
    label: ["site:Linz, Süd", "gpu"],
    group: "site",
  };
  assert.deepEqual(parseFilters(formatFilters(filters)), filters);
  assert.equal(formatFilters(parseFilters("")), "");
  assert.deepEqual(parseFilters("?liveness=<b>,late&label=%00&group=A%20B&x=1&q="), {
    q: "",
    liveness: ["late"],
    label: [],
    group: "",
  });
  assert.equal(parseFilters(`q=${"x".repeat(300)}`).q.length, 255);
  assert.deepEqual(toggled(toggled([], "late"), "offline"), ["late", "offline"]);
  assert.deepEqual(toggled(["late", "offline"], "late"), ["offline"]);
});

Deno.test("a list shows the rows that are seen, a few more, and never more than it may", () => {
  const list = { count: 50_000, rowHeight: 32, height: 800, most: 34 };
  const first = sliceOf({ ...list, scrolled: -300 });
  assert.equal(first.first, 0);
  assert.equal(first.top, 0);
  for (const scrolled of [0, 31, 32, 12_345, 1_599_000, 9e9]) {
    const { first, end, top } = sliceOf({ ...list, scrolled });
    assert.ok(end - first <= 34 && end <= 50_000 && first >= 0, String(scrolled));
    assert.ok(
      top <= Math.max(0, scrolled) && first * 32 === Math.round(top),
      `${scrolled}: ${first} at ${top}`,
    );
  }
  assert.equal(sliceOf({ ...list, scrolled: 9e9 }).end, 50_000);
  assert.deepEqual(sliceOf({ ...list, count: 3, scrolled: 0 }), { first: 0, end: 3, top: 0 });
  assert.deepEqual(sliceOf({ ...list, count: 0, scrolled: 0 }), { first: 0, end: 0, top: 0 });
});

Deno.test("a million rows are no taller than a browser can show, and all of them can be reached", () => {
  const list = { count: 1_000_000, rowHeight: 32, height: 800, most: 34 };
  const whole = listHeight(list.count, list.rowHeight);
  assert.equal(whole, 8_000_000);
  assert.equal(sliceOf({ ...list, scrolled: 0 }).first, 0);
  assert.equal(sliceOf({ ...list, scrolled: whole - 800 }).end, 1_000_000);
  const { first, end } = sliceOf({ ...list, scrolled: (whole - 800) / 2 });
  assert.ok(first < 500_000 && end > 499_980, `${first} to ${end}`);
});

const groups = [{ name: "Graz", count: 100 }, { name: "Linz", count: 7 }, { name: null, count: 30 }];

Deno.test("each cell of the map has a place of its own, at which it is found again", () => {
  for (const width of [320, 700, 1240]) {
    for (
      const some of [groups, Array.from({ length: 60 }, () => ({ name: "x", count: 3 })), [{
        name: null,
        count: 1,
      }]]
    ) {
      const count = some.reduce((sum, group) => sum + group.count, 0);
      const layout = layOutMap(some, width, 300);
      const places = new Set<string>();
      for (let index = 0; index < count; index++) {
        const { x, y } = placeOf(layout, index);
        places.add(`${x} ${y}`);
        assert.ok(
          x >= 0 && x + layout.pitch - layout.gap <= width + 1 && y < layout.height,
          `${index} of ${width}`,
        );
        assert.equal(cellAt(layout, x + 1, y + 1), index);
      }
      assert.equal(places.size, count);
    }
  }
});

Deno.test("the map shrinks its cells before it grows taller, and stands in the narrowest window", () => {
  assert.equal(layOutMap([{ name: null, count: 100 }], 1240, 320).pitch, 16);
  const large = layOutMap([{ name: null, count: 50_000 }], 1240, 320);
  assert.equal(large.pitch, 3);
  assert.ok(layOutMap([{ name: null, count: 5 }], 1, 320).columns === 1);
  assert.equal(layOutMap([], 500, 320).blocks.length, 0);
  assert.equal(blockOf(layOutMap(groups, 700, 320), 103)?.name, "Linz");
});

Deno.test("keys move over the map, and not over its edge", () => {
  const layout = layOutMap(groups, 700, 300);
  assert.equal(cellByKey(layout, 5, "ArrowRight", 137), 6);
  assert.equal(cellByKey(layout, 0, "ArrowLeft", 137), 0);
  assert.equal(cellByKey(layout, 0, "ArrowDown", 137), layout.columns);
  assert.equal(cellByKey(layout, 130, "PageDown", 137), 136);
  assert.equal(cellByKey(layout, 9, "Home", 137), 0);
  assert.equal(cellByKey(layout, 9, "End", 137), 136);
  assert.equal(cellByKey(layout, 9, "Tab", 137), null);
});

Deno.test("moments are told by the server's clock", () => {
  assert.equal(agoText("2026-11-23T11:48:00Z", noon), "12 min ago");
  assert.equal(agoText(null, noon), "never");
  assert.match(momentText("2026-11-23T11:48:00Z", noon), /^\d\d:48$/);
  assert.match(momentText("2026-10-01T11:48:00Z", noon), /^2026-10-01 \d\d:48$/);
  assert.equal(momentText(null, noon), "never");
  assert.equal(momentText("?", noon), "");
  assert.equal(labelsText({ site: "Linz", gpu: "" }), "site: Linz, gpu");
  assert.equal(capitalized("all 3 are online"), "All 3 are online");
});
