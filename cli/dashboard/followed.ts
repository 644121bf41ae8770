import type { FollowedMap, LookedChanges } from "./fleet_look.ts";
import type { FleetMap } from "./state.ts";

const zero = "0".charCodeAt(0);
const unhealthy = zero + 2;

/** A map that is kept as the fleet is by its changes. */
export class Followed {
  #map: FleetMap;
  #cursor: string;
  readonly #places = new Map<string, number>();
  readonly #cells: Uint8Array;
  readonly #liveness: Uint8Array;
  readonly #counts: Map<string, number>;
  #unhealthy: number;

  constructor({ ids, liveness, next_cursor, incidents: _, ...map }: FollowedMap) {
    this.#map = map;
    this.#cursor = next_cursor;
    this.#cells = new TextEncoder().encode(map.cells);
    this.#liveness = new TextEncoder().encode(liveness);
    for (let place = 0; place < map.cells.length; place++) {
      this.#places.set(ids.slice(place * idLength, (place + 1) * idLength), place);
    }
    this.#counts = new Map(Object.entries(map.counts));
    this.#unhealthy = map.troubles.unhealthy ?? 0;
  }

  /** The map as of the last changes. */
  get map(): FleetMap {
    return this.#map;
  }

  /** What the next changes are asked for with. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Takes changes in; false, and nothing is taken, where one is of an agent that the map does not have. */
  take({ changes, copies, next_cursor, server_time }: LookedChanges): boolean {
    const states = Object.entries(changes);
    if (states.some(([, ids]) => ids.some((id) => !this.#places.has(id)))) return false;
    for (const [state, ids] of states) {
      for (const id of ids) this.#set(this.#places.get(id) ?? 0, state.charCodeAt(0), state.charCodeAt(1));
    }
    this.#cursor = next_cursor;
    this.#map = {
      ...this.#map,
      cells: new TextDecoder().decode(this.#cells),
      counts: Object.fromEntries([...this.#counts].filter(([, count]) => count > 0)),
      troubles: { unhealthy: this.#unhealthy, copies },
      server_time,
    };
    return true;
  }

  #set(place: number, cell: number, liveness: number): void {
    this.#unhealthy += Number(cell === unhealthy) - Number(this.#cells[place] === unhealthy);
    this.#cells[place] = cell;
    this.#count(this.#liveness[place] ?? zero, -1);
    this.#count(liveness, 1);
    this.#liveness[place] = liveness;
  }

  #count(liveness: number, more: number): void {
    const word = this.#map.words[liveness - zero] ?? "";
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + more);
  }
}

/** A UUID as text. */
const idLength = 36;
