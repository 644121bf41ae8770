import type { Agent, AgentsMap } from "../../../api/operator/agents.ts";
import type { Incident } from "../../../api/operator/incidents.ts";
import type { Choice } from "../../../fleet/acts.ts";
import type { FleetQuery } from "../../../fleet/query.ts";
import type { Counted } from "../../../fleet/sentence.ts";

/** The four parts of the screen, from the top. */
export const parts = ["trouble", "map", "list", "incidents"] as const;
export type Part = typeof parts[number];

/** Both clocks, in milliseconds: the first does not count while the host sleeps, the second may be set. */
export interface Moment {
  monotonic: number;
  wall: number;
}

/** Where somebody is in a part. */
export interface Place {
  /** The cursors of the pages that were turned, the last one that of the page that is shown. */
  cursors: readonly string[];
  index: number;
  /** The row that was chosen, which is followed when the order changes. */
  id: string | null;
}

export type Target = { kind: "agent"; agent: Agent } | { kind: "incident"; incident: Incident };

/** What one look at the fleet brought. */
export interface Look extends Counted {
  /** When it was asked for: what is shown is at least as new. */
  at: Moment;
  /** The server's clock, in milliseconds. */
  serverTime: number;
  /** What was asked for, as `wantedKey` names it. */
  key: string;
  trouble: Rows<Agent>;
  list: Rows<Agent>;
  /** Null where the server has none. */
  map: AgentsMap | null;
  incidents: Rows<Incident>;
  /** The agent or incident whose details are open; null where it is gone. */
  opened: Target | null;
}

export interface Rows<Row> {
  rows: readonly Row[];
  next: string | null;
}

export type Box =
  | { kind: "help"; top: number }
  | { kind: "details"; target: Target; top: number }
  | { kind: "acts"; target: Target; choices: readonly Choice[]; index: number }
  | { kind: "confirm"; order: Order }
  | { kind: "prompt"; asks: "filter"; text: string; fault: string | null }
  | { kind: "prompt"; asks: "group"; text: string; fault: string | null }
  | { kind: "prompt"; asks: "mute"; target: Target; choice: Choice; text: string; fault: string | null };

/** Something that is to be done. */
export interface Order {
  target: Target;
  choice: Choice;
  /** The end of a mute. */
  until?: string;
}

export interface State {
  query: FleetQuery;
  /** The key of the label by which the map is grouped; null: all are one group. */
  group: string | null;
  focus: Part;
  places: Record<Part, Place>;
  look: Look | null;
  /** Why the last look failed; null when it did not. */
  failure: string | null;
  box: Box | null;
  note: { text: string; isFault: boolean } | null;
  /** What is being done. */
  order: Order | null;
  isReader: boolean;
  wants: "leave" | "suspend" | "redraw" | null;
}

/** Agents are shown by name where nothing else is said: those in trouble have their own part. */
export const usualSort = "name";
const start: Place = { cursors: [], index: 0, id: null };

export function initialState(
  { query, group, isReader }: Pick<State, "query" | "group" | "isReader">,
): State {
  return {
    query,
    group,
    isReader,
    focus: "list",
    places: { trouble: start, map: start, list: start, incidents: start },
    look: null,
    failure: null,
    box: null,
    note: null,
    order: null,
    wants: null,
  };
}

/** The same state at the beginning of all parts, as after another filter. */
export function fromStart(state: State): State {
  return { ...state, places: { ...state.places, trouble: start, map: start, list: start } };
}

/** What the state needs of the server: the names of `GET /agents`, and the cursors of the pages that are shown. */
export interface Wanted {
  query: FleetQuery;
  group: string | null;
  cursors: { trouble: string | null; list: string | null; incidents: string | null };
  opened: { kind: Target["kind"]; id: string } | null;
}

export function wantedOf({ query, group, places, box }: State): Wanted {
  const target = box?.kind === "details" ? box.target : null;
  const cursorOf = (part: Part): string | null => places[part].cursors.at(-1) ?? null;
  return {
    query: { ...query, sort: query.sort ?? usualSort },
    group,
    cursors: { trouble: cursorOf("trouble"), list: cursorOf("list"), incidents: cursorOf("incidents") },
    opened: target === null ? null : { kind: target.kind, id: idOf(target) },
  };
}

/** Tells one look from another. What is opened changes nothing of the rows. */
export function wantedKey({ query, group, cursors }: Wanted): string {
  return JSON.stringify([query, group, cursors]);
}

/** Whether the rows that are shown are those of before, and the ones that were asked for are on their way. */
export function isTurning(state: State): boolean {
  return state.look !== null && state.look.key !== wantedKey(wantedOf(state));
}

export function idOf(target: Target): string {
  return target.kind === "agent" ? target.agent.id : target.incident.id;
}

export function nameOf(target: Target): string {
  return target.kind === "agent"
    ? `"${target.agent.name}"`
    : `the incident ${target.incident.id.slice(0, 8)}`;
}

/** One group of the map: the words of its agents, the worst first. */
export interface Group {
  /** The value of the label; null: they have none. */
  name: string | null;
  words: readonly string[];
}

/** Stands for the values that the server does not list. */
export const otherValues = "other values";
const wellWords: readonly string[] = ["pending", "online", "stopped", "revoked", "degraded"];

/** The groups of the map: those with trouble before those without, each kind by name. */
export function groupsOf(map: AgentsMap | null): Group[] {
  if (map === null) return [];
  let from = 0;
  const take = (name: string | null, count: number): Group => {
    const cells = map.cells.slice(from, from + count);
    from += count;
    // The words come worst first, and so do their digits.
    return { name, words: [...cells].sort().map((cell) => map.words[Number(cell)] ?? "unknown") };
  };
  const groups = map.groups.map(({ name, count }) => take(name, count));
  if (from < map.cells.length) groups.push(take(otherValues, map.cells.length - from));
  const isTroubled = ({ words }: Group): boolean => words.some((word) => !wellWords.includes(word));
  return [...groups.filter(isTroubled), ...groups.filter((group) => !isTroubled(group))];
}

/** What the rows of a part are told apart by. */
export function rowIds({ look }: Pick<State, "look">, part: Part): string[] {
  if (look === null) return [];
  if (part === "map") return groupsOf(look.map).map(({ name }) => name ?? "");
  return look[part].rows.map(({ id }) => id);
}

/** The agent or incident of the row that is chosen; null without such a row, and while a page is turned. */
export function chosen(state: State): Target | null {
  const { look, focus, places } = state;
  if (look === null || focus === "map" || isTurning(state)) return null;
  const { index } = places[focus];
  if (focus === "incidents") {
    const incident = look.incidents.rows[index];
    return incident === undefined ? null : { kind: "incident", incident };
  }
  const agent = look[focus].rows[index];
  return agent === undefined ? null : { kind: "agent", agent };
}
