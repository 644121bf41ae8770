import { computed, signal } from "@preact/signals-core";
import type { Agent, FleetMap, Incident, PageState } from "../state.ts";
import { isStale, setServerTime } from "./clock.ts";
import { type Filters, parseFilters } from "./filters.ts";
import { isUnhealthy } from "../../fleet/state.ts";

/** The map as it is now: its cells change in place, and `changed` says so. */
export interface LiveMap extends Omit<FleetMap, "cells"> {
  cells: Uint8Array;
}

export const role = signal<PageState["role"]>("reader");
export const token = signal("");
export const version = signal("");
/** What hosts call the server. */
export const url = signal("");
export const counts = signal<Record<string, number>>({});
export const troubles = signal({ unhealthy: 0, copies: 0 });
export const trouble = signal<Agent[]>([]);
export const troubleCursor = signal<string | null>(null);
/** How far the list of those in trouble was read. */
export const troubleSeen = signal(0);
export const incidents = signal<Incident[]>([]);
export const filters = signal<Filters>(parseFilters(""));
export const map = signal<LiveMap | null>(null);
/** Cells that were changed since the map was last drawn. */
export const dirty = signal<readonly number[]>([]);
/** The rows of the list that are known, by their place in the map's order. */
export const rows = signal<ReadonlyMap<number, Agent>>(new Map());
export const isLoggedOut = signal(false);
/** The log out was sent: the session ends before the browser has left the page. */
export const isLeaving = signal(false);
export const route = signal("");
/** The agent, or incident, about which something is to be done. */
export const asked = signal<{ agent?: Agent; incident?: Incident } | null>(null);

export const isOperator = computed(() => role.value === "operator");
export const total = computed(() => Object.values(counts.value).reduce((sum, count) => sum + count, 0));
export const isWell = computed(() => {
  const { offline = 0, stalled = 0, late = 0 } = counts.value;
  return offline + stalled + late + troubles.value.unhealthy + troubles.value.copies === 0;
});
/** How the page looks: `well`, `ill`, or `stale` when it does not know. */
export const mood = computed((): "stale" | "well" | "ill" =>
  isStale.value || isLoggedOut.value ? "stale" : isWell.value ? "well" : "ill"
);

/** Begins with what the document came with. */
export function begin(state: PageState): void {
  setServerTime(state.serverTime);
  role.value = state.role;
  token.value = state.token;
  version.value = state.version;
  url.value = state.url;
  setCounts(state);
  trouble.value = state.trouble.filter(isInTrouble);
  troubleCursor.value = trouble.value.length < state.trouble.length ? null : state.troubleCursor;
  incidents.value = state.incidents;
  filters.value = parseFilters(state.query);
  rows.value = new Map(state.agents.map((agent, index) => [index, agent]));
}

/** Forgets all rows: their places are other agents' now. */
export function dropRows(): void {
  rows.value = new Map();
}

export function setCounts(
  counted: { counts: Record<string, number>; troubles: Record<string, number> },
): void {
  counts.value = counted.counts;
  troubles.value = { unhealthy: counted.troubles.unhealthy ?? 0, copies: counted.troubles.copies ?? 0 };
}

/** Whether somebody should look at it. */
export function isInTrouble(agent: Agent): boolean {
  return ["offline", "stalled", "late"].includes(agent.liveness) || isUnhealthy(agent) ||
    (agent.copies.length > 0 && agent.liveness !== "revoked");
}
