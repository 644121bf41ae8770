import { type Event, eventKinds, type EventsQuery, type Listed } from "../database/port.ts";
import type { Incoming, Reply } from "./messages.ts";
import { badCursor, listReply, parsePage, parseWords } from "./pages.ts";

/** The query of a list of events: `kind`, `limit` and `cursor`. */
export function parseEventsQuery(request: Incoming): EventsQuery {
  const query = request.query;
  const kinds = parseWords(query, "kind", eventKinds);
  const { limit, after } = parsePage(query);
  if (after === null) return { kinds, page: { limit, after } };
  const { id } = after;
  if (typeof id !== "number" || !Number.isSafeInteger(id)) throw badCursor();
  return { kinds, page: { limit, after: { id } } };
}

export function eventsReply(listed: Listed<Event>, now: Date): Reply {
  return listReply("events", { ...listed }, now);
}
