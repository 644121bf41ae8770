/** Something that a test needs from this machine, and that may not be there. */
export interface Part<Found> {
  /** A test with that part. Without it, one that is ignored and says so, or fails under `OPENCLAW_REQUIRE=all`. */
  test: (name: string, work: (found: Found, context: Deno.TestContext) => Promise<void>) => void;
}

/** Looks for a part of this machine once; `find` answers null when it is not there. */
export async function part<Found>(what: string, find: () => Promise<Found | null>): Promise<Part<Found>> {
  const found = await find();
  return {
    test(name, work) {
      if (found !== null) Deno.test(name, (context) => work(found, context));
      else if (Deno.env.get("OPENCLAW_REQUIRE") === "all") Deno.test(name, () => missing(what));
      else {Deno.test({
          name: `LEFT OUT, there is no ${what} here: ${name}`,
          ignore: true,
          fn: () => undefined,
        });}
    },
  };
}

function missing(what: string): never {
  throw new Error(`Cannot test this: there is no ${what} here, and OPENCLAW_REQUIRE=all wants all`);
}
