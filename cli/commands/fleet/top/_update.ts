import { choicesFor, choicesForIncident } from "../../../fleet/acts.ts";
import { formatQuery, isSort, parseQuery, sortWords } from "../../../fleet/query.ts";
import { mutedUntil } from "./_mute.ts";
import {
  type Box,
  chosen,
  fromStart,
  groupsOf,
  isTurning,
  type Look,
  nameOf,
  type Order,
  otherValues,
  type Part,
  parts,
  type Place,
  rowIds,
  type State,
  type Target,
  usualSort,
} from "./_state.ts";

export type Event =
  /** @param now this host's clock, in milliseconds */
  | { kind: "key"; key: string; now: number }
  | { kind: "look"; look: Look }
  | { kind: "failure"; reason: string }
  | { kind: "done"; text: string; isFault: boolean }
  | { kind: "note"; text: string };

/** How many rows a page key moves by. */
const manyRows = 10;

/** The state after something happened. It touches nothing: what is to be done stands in `order` and `wants`. */
export function update(state: State, event: Event): State {
  if (event.kind === "look") return withLook(state, event.look);
  if (event.kind === "failure") return { ...state, failure: event.reason };
  if (event.kind === "note") return { ...state, note: { text: event.text, isFault: false } };
  if (event.kind === "done") {
    return { ...state, order: null, note: { text: event.text, isFault: event.isFault } };
  }
  const { key, now } = event;
  const fresh: State = { ...state, note: null, wants: null };
  if (key === "ctrl-c" || key === "ctrl-d") return { ...fresh, wants: "leave" };
  if (key === "ctrl-z") return { ...fresh, wants: "suspend" };
  if (key === "ctrl-l") return { ...fresh, wants: "redraw" };
  return state.box === null ? onScreen(fresh, key) : inBox(fresh, state.box, { key, now });
}

/** The rows that were chosen are followed to where they are now. */
function withLook(state: State, look: Look): State {
  const next: State = { ...state, look, failure: null };
  // Who comes to a fleet in trouble begins there.
  if (state.look === null && look.trouble.rows.length > 0) next.focus = "trouble";
  const places = { ...next.places };
  if (!isTurning(next)) {
    for (const part of parts) {
      places[part] = followed(places[part], rowIds(next, part));
    }
  }
  const { box } = next;
  if (box?.kind === "details" && look.opened !== null) next.box = { ...box, target: look.opened };
  return { ...next, places };
}

function followed(place: Place, ids: readonly string[]): Place {
  const found = place.id === null ? -1 : ids.indexOf(place.id);
  const index = found >= 0 ? found : Math.max(0, Math.min(place.index, ids.length - 1));
  return { ...place, index, id: place.id === null ? null : ids[index] ?? null };
}

function onScreen(state: State, key: string): State {
  switch (key) {
    case "q":
      return { ...state, wants: "leave" };
    case "?":
    case "h":
      return { ...state, box: { kind: "help", top: 0 } };
    case "tab":
    case "right":
      return { ...state, focus: nextPart(state.focus, 1) };
    case "back-tab":
    case "left":
      return { ...state, focus: nextPart(state.focus, -1) };
    case "/": {
      const { sort: _, ...filter } = state.query;
      return { ...state, box: { kind: "prompt", asks: "filter", text: formatQuery(filter), fault: null } };
    }
    case "g":
      return { ...state, box: { kind: "prompt", asks: "group", text: state.group ?? "", fault: null } };
    case "s":
      return withSort(state, nextSort(state.query.sort ?? usualSort));
    case "S":
      return withSort(state, turned(state.query.sort ?? usualSort));
    case "enter":
      return opened(state);
    case "a":
      return withActs(state, chosen(state));
  }
  const part = parts[["1", "2", "3", "4"].indexOf(key)];
  if (part !== undefined) return { ...state, focus: part };
  return moved(state, key);
}

function nextPart(part: Part, step: number): Part {
  return parts[(parts.indexOf(part) + step + parts.length) % parts.length] ?? part;
}

function nextSort(sort: string): string {
  const at = sortWords.findIndex((word) => word === sort.replace(/^-/, ""));
  return sortWords[(at + 1) % sortWords.length] ?? usualSort;
}

function turned(sort: string): string {
  return sort.startsWith("-") ? sort.slice(1) : `-${sort}`;
}

function withSort(state: State, sort: string): State {
  if (!isSort(sort)) return state;
  const next = fromStart({ ...state, query: { ...state.query, sort }, focus: "list" });
  return { ...next, places: { ...next.places, trouble: state.places.trouble, map: state.places.map } };
}

/** Where the moving keys lead: to another row, and past the first and the last one to another page. */
function moved(state: State, key: string): State {
  const { focus, places, look } = state;
  const place = places[focus];
  const ids = rowIds(state, focus);
  const go = (next: Partial<Place>): State => ({
    ...state,
    places: { ...places, [focus]: { ...place, ...next } },
  });
  const first: Place = { cursors: [], index: 0, id: null };
  if (key === "home") return go(first);
  const step = { up: -1, k: -1, down: 1, j: 1, "page-up": -manyRows, "page-down": manyRows }[key];
  if (key !== "end" && step === undefined) return state;
  if (isTurning(state) || ids.length === 0) return state;
  const last = ids.length - 1;
  const index = step === undefined ? last : place.index + step;
  const next = focus === "map" || look === null ? null : look[focus].next;
  if (index > last && place.index === last && next !== null) {
    return go({ cursors: [...place.cursors, next], index: 0, id: null });
  }
  if (index < 0 && place.index === 0 && place.cursors.length > 0) {
    return go({ cursors: place.cursors.slice(0, -1), index: Number.MAX_SAFE_INTEGER, id: null });
  }
  const fitting = Math.max(0, Math.min(index, last));
  return go({ index: fitting, id: ids[fitting] ?? null });
}

/** Details of the row that is chosen; of a group of the map, its agents in the list. */
function opened(state: State): State {
  if (state.focus !== "map") {
    const target = chosen(state);
    return target === null ? state : { ...state, box: { kind: "details", target, top: 0 } };
  }
  const group = groupsOf(state.look?.map ?? null)[state.places.map.index];
  if (state.group === null || group === undefined) {
    return { ...state, note: { text: "group the map by a label first: g", isFault: false } };
  }
  if (group.name === null || group.name === otherValues) {
    return { ...state, note: { text: "these agents share no value of the label", isFault: false } };
  }

  const others = (state.query.label ?? []).filter((label) => label.split(":")[0] !== state.group);
  const label = [...others, `${state.group}:${group.name}`];
  return fromStart({ ...state, query: { ...state.query, label }, focus: "list" });
}

function withActs(state: State, target: Target | null): State {
  if (target === null) return state;
  if (state.isReader) return { ...state, note: { text: "a reader's key changes nothing", isFault: false } };
  const choices = target.kind === "agent"
    ? choicesFor(target.agent, state.look?.serverTime ?? 0)
    : choicesForIncident(target.incident);
  if (choices.length === 0) {
    return { ...state, note: { text: `there is nothing to do about ${nameOf(target)}`, isFault: false } };
  }
  return { ...state, box: { kind: "acts", target, choices, index: 0 } };
}

function inBox(state: State, box: Box, { key, now }: { key: string; now: number }): State {
  if (box.kind === "confirm") {
    return key === "y" ? ordered(state, box.order) : { ...state, box: null, note: nothingDone };
  }
  if (key === "escape") return { ...state, box: null };
  if (box.kind === "prompt") return atPrompt(state, box, { key, now });
  if (key === "q") return { ...state, box: null };
  if (box.kind === "acts") return amongActs(state, box, key);
  if (box.kind === "details" && key === "a") return withActs(state, box.target);
  if (key === "enter" || key === "?") return { ...state, box: null };
  return { ...state, box: { ...box, top: Math.max(0, box.top + (steps[key] ?? 0)) } };
}

const steps: Record<string, number> = {
  up: -1,
  k: -1,
  down: 1,
  j: 1,
  "page-up": -10,
  "page-down": 10,
  " ": 10,
};
const nothingDone = { text: "nothing was done", isFault: false };

function ordered(state: State, order: Order): State {
  if (state.order !== null) {
    return { ...state, box: null, note: { text: "something else is being done: try again", isFault: true } };
  }
  return {
    ...state,
    box: null,
    order,
    note: { text: `${order.choice.title}: ${nameOf(order.target)} …`, isFault: false },
  };
}

function amongActs(state: State, box: Extract<Box, { kind: "acts" }>, key: string): State {
  const { choices, target } = box;
  const number = /^[1-9]$/.test(key) ? Number(key) - 1 : null;
  if (key === "enter" || number !== null) {
    const choice = choices[number ?? box.index];
    if (choice === undefined) return state;
    if (choice.act === "mute") {
      return { ...state, box: { kind: "prompt", asks: "mute", target, choice, text: "", fault: null } };
    }
    return { ...state, box: { kind: "confirm", order: { target, choice } } };
  }
  const index = Math.max(0, Math.min(box.index + (steps[key] ?? 0), choices.length - 1));
  return { ...state, box: { ...box, index } };
}

function atPrompt(
  state: State,
  box: Extract<Box, { kind: "prompt" }>,
  { key, now }: { key: string; now: number },
): State {
  if (key === "enter") return answered(state, box, now);
  const text = typedInto(box.text, key);
  return { ...state, box: { ...box, text, fault: null } };
}

function typedInto(text: string, key: string): string {
  if (key === "backspace") return [...text].slice(0, -1).join("");
  if (key === "ctrl-u") return "";
  if (key === "ctrl-w") return text.replace(/\S*\s*$/, "");
  return [...key].length === 1 && [...text].length < 400 ? text + key : text;
}

function answered(state: State, box: Extract<Box, { kind: "prompt" }>, now: number): State {
  const fail = (fault: string): State => ({ ...state, box: { ...box, fault } });
  if (box.asks === "filter") {
    const query = parseQuery(box.text);
    if (typeof query === "string") return fail(query);
    const sort = query.sort ?? state.query.sort;
    return fromStart({ ...state, box: null, query: { ...query, ...(sort === undefined ? {} : { sort }) } });
  }
  if (box.asks === "group") {
    const key = box.text.trim();
    if (key !== "" && !/^[a-z0-9._-]{1,63}$/.test(key)) {
      return fail("expected the key of a label, or nothing");
    }
    const next = fromStart({ ...state, box: null, group: key === "" ? null : key, focus: "map" });
    return { ...next, places: { ...state.places, map: next.places.map } };
  }
  const until = mutedUntil(box.text, now);
  if (until === null) return fail("expected a time to come, such as 2h, 7d or 2026-12-01T08:00");
  return { ...state, box: { kind: "confirm", order: { target: box.target, choice: box.choice, until } } };
}
