import { content, each, fields, orNull, type ReadBy, text } from "../readers.ts";
import type { Outcome } from "../transport.ts";
import { ask, done, type OperatorConnection, type Page, type PageQuery, pageQuery, question } from "./ask.ts";

const readerKeyFields = { id: text, name: text, created_at: orNull(text) };

/** A key that only reads; never the key itself. */
export type ReaderKey = ReadBy<typeof readerKeyFields>;

/** Makes a key, which is never shown again. */
export function createReaderKey(
  operator: OperatorConnection,
  name: string,
): Promise<Outcome<{ id: string; name: string; key: string }>> {
  const read = fields({ id: text, name: text, key: content });
  return ask(operator, "reader-keys", read, { method: "POST", body: JSON.stringify({ name }) });
}

const readReaderKeysPage = fields({
  reader_keys: each(fields(readerKeyFields)),
  next_cursor: orNull(text),
  server_time: text,
});

export function listReaderKeys(
  operator: OperatorConnection,
  page: PageQuery,
): Promise<Outcome<Page<"reader_keys", ReaderKey>>> {
  return ask(operator, `reader-keys${question(pageQuery(page))}`, readReaderKeysPage, {});
}

export function revokeReaderKey(operator: OperatorConnection, id: string): Promise<Outcome<true>> {
  return ask(operator, `reader-keys/${encodeURIComponent(id)}`, done, { method: "DELETE" });
}
