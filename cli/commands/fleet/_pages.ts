import type { Outcome } from "../../api/transport.ts";
import type { Operator } from "../../operator/operator.ts";
import { CliError } from "../../terminal/errors.ts";
import { unwrap } from "./_outcome.ts";

/** The pages of a list, one after the other, to the last one. */
export async function* everyPage<Page extends { next_cursor: string | null }>(
  operator: Operator,
  get: (cursor: string | undefined) => Promise<Outcome<Page>>,
): AsyncGenerator<Page> {
  let cursor: string | undefined;
  while (true) {
    const page = unwrap(await get(cursor), operator);
    yield page;
    if (page.next_cursor === null) return;
    if (page.next_cursor === cursor) {
      throw new CliError(
        "unexpected",
        "Cannot read the list: the server answers with the same page for ever",
      );
    }
    cursor = page.next_cursor;
  }
}
