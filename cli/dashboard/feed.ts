import { type EventStream, eventText } from "./event_stream.ts";
import type { Followed } from "./followed.ts";
import type { Session } from "./sessions.ts";
import type { FleetMap } from "./state.ts";

/** Somebody who watches. */
export interface Watcher {
  session: Session;
  events: EventStream;
  /** Whether nobody looks at it: its page is in the background. */
  isHidden: boolean;
}

/** How many looks with changes a browser may have missed to get these, and not the whole map. */
const keptLooks = 60;

/** What all who watch the same agents in the same order are sent. */
export class Feed {
  readonly watchers = new Set<Watcher>();
  readonly query: URLSearchParams;
  /** When it was last seen that the fleet is as was sent; null before the first time. */
  verifiedAt: Date | null = null;
  /** When the next look is due, on a clock that never goes back. */
  dueAt = 0;
  /** When the last look began. */
  lookedAt = 0;
  /** How long the last look took. */
  costMs = 0;
  incidents: string | null = null;
  /** The map by which changes are followed; null before the first one, and where changes cannot be. */
  followed: Followed | null = null;
  /** When the whole map is due, whatever its changes say. */
  wholeDueAt = 0;
  readonly #id: string;
  #map: FleetMap | null = null;
  #place = 0;
  #texts: { place: number; text: string }[] = [];

  constructor(query: URLSearchParams, id: string) {
    this.query = query;
    this.#id = id;
  }

  /** Whether everybody who watches it does so in the background. */
  get isHidden(): boolean {
    return [...this.watchers].every(({ isHidden }) => isHidden);
  }

  /** Takes what was seen, and sends what has changed of it. */
  take(map: FleetMap, at: Date): void {
    const before = this.#map;
    this.verifiedAt = at;
    this.#map = map;
    if (before === null || before.order !== map.order || before.cells.length !== map.cells.length) {
      this.#place += 1;
      this.#texts = [];
      if (before !== null) this.#send(this.snapshot());
      return;
    }
    const cells = changedCells(before.cells, map.cells);
    const isCounted = sameNumbers(before.counts, map.counts) && sameNumbers(before.troubles, map.troubles);
    if (cells.length === 0 && isCounted) return;
    this.#place += 1;
    const { counts, troubles } = map;
    const time = at.toISOString();
    const text = (cells.length === 0 ? "" : eventText("changes", { at: time, cells }, this.#eventId)) +
      (isCounted ? "" : eventText("counts", { at: time, counts, troubles }, this.#eventId));
    this.#texts.push({ place: this.#place, text });
    if (this.#texts.length > keptLooks) this.#texts.shift();
    this.#send(text);
  }

  /** Says that something of the incidents has changed, where it has. */
  takeIncidents(incidents: string, at: Date): void {
    const isNew = this.incidents !== null && this.incidents !== incidents;
    this.incidents = incidents;
    if (isNew) this.#send(eventText("incidents", { at: at.toISOString() }));
  }

  /** The whole map. */
  snapshot(): string {
    return eventText("map", this.#map, this.#eventId);
  }

  /** What a browser needs that has had everything up to an event; the whole map, where that is too long ago. */
  since(lastEventId: string | null): string {
    const [id, place] = (lastEventId ?? "").split(".");
    const from = Number(place);
    const oldest = this.#texts[0]?.place ?? this.#place + 1;
    if (id !== this.#id || !(from >= oldest - 1 && from <= this.#place)) return this.snapshot();
    return this.#texts.filter((one) => one.place > from).map(({ text }) => text).join("");
  }

  #send(text: string): void {
    for (const { events } of this.watchers) events.send(text);
  }

  get #eventId(): string {
    return `${this.#id}.${this.#place}`;
  }
}

function changedCells(before: string, after: string): [index: number, cell: string][] {
  const changed: [number, string][] = [];
  for (let index = 0; index < after.length; index++) {
    if (before.charCodeAt(index) !== after.charCodeAt(index)) changed.push([index, after.charAt(index)]);
  }
  return changed;
}

function sameNumbers(one: Record<string, number>, other: Record<string, number>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
