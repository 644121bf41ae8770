/** Random numbers of a test, and the seed that brings the same ones again. */
export interface Random {
  seed: number;
  /** 0 to 1, 1 excluded. */
  next: () => number;
}

/**
 * The random numbers of one test. The seed is `OPENCLAW_TEST_SEED`, else a new one; the first use prints it, so that a failure
 * can be repeated: `OPENCLAW_TEST_SEED=<seed> deno task test:long <file>`.
 */
export function seededRandom(test: string): Random {
  const given = Deno.env.get("OPENCLAW_TEST_SEED");
  const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0 : readSeed(given);
  const next = mulberry32(seed);
  let isTold = false;
  return {
    seed,
    next() {
      // deno-lint-ignore no-console -- a test has no other way to say it
      if (!isTold) console.log(`seed of "${test}": OPENCLAW_TEST_SEED=${seed}`);
      isTold = true;
      return next();
    },
  };
}

/** How often a long test does its work: `all` times, or the part of it that `OPENCLAW_TEST_SHARE` (0 to 1) names. */
export function share(all: number): number {
  const given = Number(Deno.env.get("OPENCLAW_TEST_SHARE") ?? 1);
  if (!(given > 0 && given <= 1)) throw new Error("OPENCLAW_TEST_SHARE is not a number above 0, at most 1");
  return Math.max(1, Math.round(all * given));
}

function readSeed(text: string): number {
  const seed = Number(text);
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw new Error(`OPENCLAW_TEST_SEED is not a whole number from 0 to ${2 ** 32 - 1}: "${text}"`);
}

/** The generator mulberry32 by Tommy Ettinger, of 32 bits of state. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
