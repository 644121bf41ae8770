import assert from "node:assert/strict";

// https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4, and what promtool asks for besides.

const familyName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const labelPair = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\["\\\\n])*)"';
const sampleLine = new RegExp(
  `^(${familyName})(?:\\{(${labelPair}(?:,${labelPair})*)\\})? (\\+Inf|-Inf|NaN|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)$`,
);
const types = ["counter", "gauge", "histogram", "summary", "untyped"];

interface Family {
  type: string;
  /** By their labels without `le`: the buckets in their order, and what a histogram has besides. */
  series: Map<string, { buckets: [le: number, count: number][]; sum?: number; count?: number }>;
}

/**
 * Fails for a scrape that a parser may take, and the format forbids: each family once, with its help and type before its
 * samples, and all of them together; no series twice; whole histograms.
 */
export function assertExposition(text: string): void {
  assert.ok(text === "" || text.endsWith("\n"), "the last line is not ended");
  const seen = new Set<string>();
  const families = new Map<string, Family>();
  let helped = "";
  let current = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    const word = comment?.[1];
    const name = comment?.[2] ?? "";
    const rest = comment?.[3] ?? "";
    assert.ok(word !== undefined || !line.startsWith("#"), `neither HELP nor TYPE: ${line}`);
    if (word === "HELP") {
      assert.ok(!families.has(name), `the family comes twice: ${line}`);
      assert.ok(!/\\(?![\\n])/.test(rest), `a backslash is not escaped: ${line}`);
      helped = name;
    } else if (word === "TYPE") {
      assert.ok(name === helped, `no HELP before it: ${line}`);
      assert.ok(types.includes(rest), `no such type: ${line}`);
      assert.equal(
        name.endsWith("_total"),
        rest === "counter",
        `a counter, and nothing else, ends so: ${line}`,
      );
      families.set(name, { type: rest, series: new Map() });
      current = name;
    } else {
      takeSample(line, { name: current, family: families.get(current), seen });
    }
  }
  for (const [name, family] of families) if (family.type === "histogram") assertHistogram(name, family);
}

function takeSample(
  line: string,
  { name, family, seen }: { name: string; family: Family | undefined; seen: Set<string> },
): void {
  const [, sample = "", pairs = ""] = sampleLine.exec(line) ?? assert.fail(`not a sample: ${line}`);
  if (family === undefined) assert.fail(`no TYPE before it: ${line}`);
  const suffix = sample.startsWith(name) ? sample.slice(name.length) : "?";
  const allowed = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  assert.ok(allowed.includes(suffix), `not of the family ${name}: ${line}`);
  const labels = [...pairs.matchAll(new RegExp(labelPair, "g"))].map(([, label = "", value = ""]) =>
    [label, value] as const
  );
  assert.equal(new Set(labels.map(([label]) => label)).size, labels.length, `a label comes twice: ${line}`);
  const sorted = labels.toSorted(([one], [other]) => one < other ? -1 : 1);
  const key = JSON.stringify([sample, sorted]);
  assert.ok(!seen.has(key), `the series comes twice: ${line}`);
  seen.add(key);
  const own = JSON.stringify(sorted.filter(([label]) => label !== "le"));
  const series = family.series.get(own) ?? { buckets: [] };
  family.series.set(own, series);
  const value = Number(line.slice(line.lastIndexOf(" ") + 1).replace("Inf", "Infinity"));
  const le = labels.find(([label]) => label === "le")?.[1];
  assert.equal(suffix === "_bucket", le !== undefined, `a bucket, and nothing else, has "le": ${line}`);
  if (le !== undefined) series.buckets.push([Number(le.replace("Inf", "Infinity")), value]);
  if (suffix === "_sum") series.sum = value;
  if (suffix === "_count") series.count = value;
}

function assertHistogram(name: string, { series }: Family): void {
  for (const [labels, { buckets, sum, count }] of series) {
    const isRising = buckets.every(([le, value], place) => {
      const [before, fewer] = buckets[place - 1] ?? [-Infinity, 0];
      return le > before && value >= fewer;
    });
    assert.ok(isRising, `${name}${labels}: its buckets do not rise`);
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${name}${labels}: its last bucket is not its count`);
    assert.ok(sum !== undefined, `${name}${labels}: it has no sum`);
  }
}
