import type { Act } from "./agents.ts";
import { type Listed, readListed } from "./lists.ts";
import { fields, orNull, type ReadBy, record, text } from "./readers.ts";
import { row } from "./row.ts";
import type { PageByCreation } from "../http/pages.ts";

const columns = { id: text, owner_id: orNull(text), name: text, created_at: text };

/** A reader's key as an operator sees it. Never the key, never its digest. */
export type ReaderKey = ReadBy<typeof columns>;

const readReaderKey = fields(columns);

export interface NewReaderKey {
  name: string;
  ownerId: string | null;
  /** How many keys the owner may have with this one; null for any number. */
  ownerLimit: number | null;
  keyDigest: string;
  act: Act;
}

export const readerKeys = {
  create: row("create_reader_key", {
    effect: "changes",
    args: ({ name, ownerId, ownerLimit, keyDigest, act }: NewReaderKey) => ({
      name,
      owner_id: ownerId,
      owner_limit: ownerLimit,
      key_digest: keyDigest,
      act: { ...act },
    }),
    read: readCreated,
  }),
  /** The key with this digest. Nothing is written. */
  find: row("find_reader_key", {
    effect: "reads",
    args: (keyDigest: string) => ({ key_digest: keyDigest }),
    read: orNull(readReaderKey),
  }),
  /** A page of one owner's keys, the newest first; of anybody's, where the owner is null. */
  list: row("list_reader_keys", {
    effect: "reads",
    args: (ownerId: string | null, { limit, after }: PageByCreation) => ({
      owner_id: ownerId,
      page_limit: limit,
      after,
    }),
    read: (reply): Listed<ReaderKey> => readListed(reply, readReaderKey),
  }),
  /** What the key was; null where there is none of this owner's. */
  revoke: row("revoke_reader_key", {
    effect: "changes",
    args: (keyId: string, { ownerId, act }: { ownerId: string | null; act: Act }) => ({
      key_id: keyId,
      owner_id: ownerId,
      act: { ...act },
    }),
    read: orNull(readReaderKey),
  }),
};

function readCreated(reply: unknown): ReaderKey | "owner_limit" | "owner_unknown" {
  const { refused, reader_key } = record(reply);
  return refused === "owner_limit" || refused === "owner_unknown" ? refused : readReaderKey(reader_key);
}
