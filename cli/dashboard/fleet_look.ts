import {
  each,
  entries,
  fields,
  number,
  orNull,
  type ReadBy,
  record,
  text,
} from "../../supabase/functions/_shared/database/readers.ts";
import type { Reply } from "../../supabase/functions/_shared/http/messages.ts";
import type { Viewer } from "./sessions.ts";
import type { ApiRequest, Upstream } from "./upstream.ts";

/** The API answered a look at the fleet with a refusal or a failure. */
export class LookRefused extends Error {
  override readonly name = "LookRefused";

  constructor(readonly reply: Reply) {
    super(`The API answered with HTTP ${reply.status}`);
  }
}

const mapFields = {
  words: each(text),
  cells: text,
  groups: each(fields({ name: orNull(text), count: number })),
  groups_count: number,
  marks: each(text),
  marks_every: number,
  sort: text,
  order: text,
  counts: entries(number),
  troubles: entries(number),
  server_time: text,
  ids: text,
  liveness: text,
  incidents: text,
  next_cursor: text,
};

/** A map with the ids of its agents, as one text, and with the digit of each one's liveness. */
export type FollowedMap = ReadBy<typeof mapFields>;

const changesFields = {
  changes: entries(each(text)),
  copies: number,
  incidents: text,
  next_cursor: text,
  server_time: text,
};

/** Ids of agents that may have changed, by the digits of their cell and liveness now. */
export type LookedChanges = ReadBy<typeof changesFields>;

/** The fleet as it is now. @throws {LookRefused} */
export async function lookAtMap(
  upstream: Upstream,
  viewer: Viewer,
  query: URLSearchParams,
): Promise<FollowedMap> {
  const asked = new URLSearchParams([...query, ["follow", "true"]]);
  return fields(mapFields)(await look(upstream, viewer, { path: "agents/map", query: asked }));
}

/** What has changed since; null where the whole map has to be looked at. @throws {LookRefused} */
export async function lookAtChanges(
  upstream: Upstream,
  viewer: Viewer,
  { query, cursor }: { query: URLSearchParams; cursor: string },
): Promise<LookedChanges | null> {
  const asked = new URLSearchParams([...query].filter(([name]) => name !== "group"));
  asked.set("cursor", cursor);
  const reply = await look(upstream, viewer, { path: "agents/map/changes", query: asked });
  return record(reply).changes === null ? null : fields(changesFields)(reply);
}

async function look(
  upstream: Upstream,
  viewer: Viewer,
  asked: Pick<ApiRequest, "path" | "query">,
): Promise<unknown> {
  const reply = await upstream.ask(viewer, {
    ...asked,
    method: "GET",
    headers: { get: () => null },
    socketAddress: "",
    text: () => Promise.resolve(""),
  });
  if (reply.status !== 200) throw new LookRefused(reply);
  return JSON.parse(
    typeof reply.body === "string" ? reply.body : new TextDecoder().decode(reply.body ?? undefined),
  );
}
