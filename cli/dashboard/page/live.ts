import { batch, effect } from "@preact/signals-core";
import type { Agent, FleetCounts, FleetMap, Incident, Keepalive, MapChanges } from "../state.ts";
import { get } from "./api.ts";
import { everyMs, isStale, setServerTime, tick } from "./clock.ts";
import { formatFilters } from "./filters.ts";
import { noteChanges } from "./row_source.ts";
import {
  dirty,
  dropRows,
  filters,
  incidents,
  isInTrouble,
  isLeaving,
  isLoggedOut,
  map,
  route,
  rows,
  setCounts,
  trouble,
  troubleCursor,
  troubleSeen,
} from "./store.ts";

const retryMs = 4000;
/** The first digit of the map that asks for nobody's look; `degraded` is not in the list of those in trouble. */
const wellFrom = 5;
/** After how long in the background fewer looks are enough. */
const hiddenAfterMs = 60_000;
let stream: EventSource | null = null;
let openedFor: string | null = null;
let isBehind = true;
let lastTry = 0;
let restsUntil = 0;
let hiddenSince: number | null = null;
let isOpenedHidden = false;
let isReadingMore = false;

/** Keeps the page as the fleet is: by the stream, and by asking where the stream fails. */
export function goLive(): void {
  filters.subscribe(() => follow());
  effect(() => {
    if (troubleCursor.value !== null && troubleSeen.value > trouble.value.length - 20) {
      void readMoreTrouble().catch(() => undefined);
    }
  });
  addEventListener("visibilitychange", () => {
    if (!isLoggedOut.value && !isLeaving.value) follow();
  });
  effect(() => {
    if (isLeaving.value) close();
  });
  setInterval(everySecond, 1000);
}

function everySecond(): void {
  tick();
  if (isLoggedOut.value || isLeaving.value) return close();
  follow();
  if (isBehind && performance.now() >= restsUntil) void catchUp();
  const isBroken = stream === null || stream.readyState !== EventSource.OPEN || isStale.value;
  if (!isBroken || performance.now() - lastTry < retryMs) return;
  lastTry = performance.now();
  if (stream === null || stream.readyState === EventSource.CLOSED || isStale.value) {
    open(formatFilters(filters.value));
  }
  void poll();
}

/** Opens another stream where this one is of other agents, or where the page has come to the fore or gone. */
function follow(): void {
  const query = formatFilters(filters.value);
  if (query !== openedFor || isOpenedHidden !== isLongHidden()) open(query);
}

function isLongHidden(): boolean {
  hiddenSince = document.hidden ? hiddenSince ?? performance.now() : null;
  return hiddenSince !== null && performance.now() - hiddenSince >= hiddenAfterMs;
}

function open(query: string): void {
  close();
  openedFor = query;
  lastTry = performance.now();
  isOpenedHidden = isLongHidden();
  stream = new EventSource(`/page/stream?${query}${isOpenedHidden ? "&hidden" : ""}`);
  const on = <Data>(name: string, take: (data: Data) => void): void =>
    stream?.addEventListener(name, ({ data }) => take(JSON.parse(data)));
  on<FleetMap>("map", (data) => batch(() => takeMap(data)));
  on<MapChanges>("changes", takeChanges);
  on<FleetCounts>("counts", (counted) => {
    setCounts(counted);
    setServerTime(counted.at);
  });
  on("incidents", readAgain);
  on<Keepalive>("keepalive", ({ at, verified_at, every_ms }) => {
    everyMs.value = every_ms;
    setServerTime(at, verified_at);
  });
}

function close(): void {
  stream?.close();
  stream = null;
}

function takeMap({ cells, ...rest }: FleetMap): void {
  if (map.value?.order !== rest.order) dropRows();
  map.value = { ...rest, cells: Uint8Array.from(cells, (cell) => cell.charCodeAt(0) - 48) };
  setCounts(rest);
  setServerTime(rest.server_time);
  isBehind = true;
}

function takeChanges({ at, cells }: MapChanges): void {
  const known = map.value;
  if (known === null) return;
  for (const [index, cell] of cells) {
    const next = cell.charCodeAt(0) - 48;
    if (Math.min(next, known.cells[index] ?? 0) < wellFrom) isBehind = true;
    known.cells[index] = next;
  }
  const changed = cells.map(([index]) => index);
  noteChanges(changed);
  // Where the map is not shown, it is drawn anew when it is.
  dirty.value = route.value === "" ? [...dirty.value, ...changed] : [];
  setServerTime(at);
}

/** Asks again for what the stream only says to have changed: at most once a second, and a quarter of the time. */
async function catchUp(): Promise<void> {
  isBehind = false;
  const began = performance.now();
  restsUntil = Infinity;
  await Promise.all([readTrouble(), readIncidents()]).catch(() => undefined);
  const ended = performance.now();
  restsUntil = ended + 3 * (ended - began);
}

/** Where there is no stream: the same by asking. */
async function poll(): Promise<void> {
  try {
    takeMap(await get<FleetMap>(`agents/map?${formatFilters(filters.value)}`));
    rows.value = new Map(rows.value);
  } catch {
    // It is said by the page's own age.
  }
}

interface TroublePage {
  agents: Agent[];
  next_cursor: string | null;
}

/** Those in trouble, the worst first, as far as they are read by the person before the page. */
async function readTrouble(): Promise<void> {
  let known: Agent[] = [];
  let cursor: string | null = null;
  do {
    const page: TroublePage = await readTroublePage(cursor);
    known = withPage(known, page);
    cursor = page.agents.every(isInTrouble) ? page.next_cursor : null;
  } while (cursor !== null && known.length < troubleSeen.value + 20);
  trouble.value = known;
  troubleCursor.value = cursor;
}

/** The page after those that are known. */
async function readMoreTrouble(): Promise<void> {
  const cursor = troubleCursor.value;
  if (cursor === null || isReadingMore) return;
  isReadingMore = true;
  try {
    const page = await readTroublePage(cursor);
    // Everything was read anew meanwhile.
    if (troubleCursor.value !== cursor) return;
    trouble.value = withPage(trouble.value, page);
    troubleCursor.value = page.agents.every(isInTrouble) ? page.next_cursor : null;
  } finally {
    isReadingMore = false;
  }
}

function readTroublePage(cursor: string | null): Promise<TroublePage> {
  const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
  return get<TroublePage>(`agents?sort=trouble&counts=false&limit=${cursor === null ? 50 : 200}${after}`);
}

/** An agent that has changed its place between two pages comes once. */
function withPage(before: Agent[], { agents }: TroublePage): Agent[] {
  const known = new Set(before.map(({ id }) => id));
  return [...before, ...agents.filter((agent) => isInTrouble(agent) && !known.has(agent.id))];
}

async function readIncidents(): Promise<void> {
  const page = await get<{ incidents: Incident[] }>("incidents?state=open&limit=200");
  incidents.value = page.incidents;
}

/** Asks again at once: something was done. */
export function readAgain(): void {
  isBehind = true;
}
