import type { VNode } from "preact";
import { FilterBar } from "./filter_bar.tsx";
import { FleetMap } from "./fleet_map.tsx";
import { List } from "./list.tsx";
import { goLive } from "./live.ts";
import { OpenIncidents } from "./open_incidents.tsx";
import { show } from "./show.ts";
import { route } from "./store.ts";

/** The whole fleet, below what is wrong with it. */
export function Fleet(): VNode | null {
  if (route.value !== "") return null;
  return (
    <>
      <OpenIncidents />
      <FilterBar />
      <FleetMap />
      <List />
    </>
  );
}

/** Takes over the fleet's part of the document, and keeps all of it up to date from then on. */
export function begin(root: HTMLElement): void {
  // The server has rendered the fleet, and the address asks for another view.
  if (route.peek() !== "") root.replaceChildren();
  show(() => <Fleet />, root);
  goLive();
}
