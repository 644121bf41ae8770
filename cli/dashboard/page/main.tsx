import { effect } from "@preact/signals-core";
import { show } from "./show.ts";
import type { PageState } from "../state.ts";
import { formatFilters } from "./filters.ts";
import { sentence } from "./headline.tsx";
import { iconOf } from "./icon.ts";
import { Page } from "./page.tsx";
import { begin, dropRows, filters, mood, route } from "./store.ts";

const root = document.getElementById("page");
const state: PageState = JSON.parse(document.getElementById("page-state")?.textContent ?? "");

begin(state);
if (root !== null) show(() => <Page />, root);
void showFleet();
followRoute();
followTitle();
keepAddress();

/** What is wrong can be read and used before the map and the list are there. */
async function showFleet(): Promise<void> {
  const place = document.getElementById("fleet");
  const fleet = await import("./fleet.tsx");
  if (place !== null) fleet.begin(place);
}

function followRoute(): void {
  const read = (): void => {
    route.value = location.hash.replace(/^#\/?/, "");
    scrollTo(0, 0);
  };
  addEventListener("hashchange", read);
  if (location.hash !== "") read();
}

function followTitle(): void {
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  effect(() => {
    document.documentElement.dataset.mood = mood.value;
    const mark = { well: "✓", ill: "✗", stale: "?" }[mood.value];
    document.title = `${mark} ${mood.value === "stale" ? "Not up to date: " : ""}${sentence()}`;
    if (icon !== null) icon.href = iconOf(mood.value);
  });
}

function keepAddress(): void {
  let before = formatFilters(filters.value);
  effect(() => {
    const query = formatFilters(filters.value);
    if (query === before) return;
    before = query;
    dropRows();
    history.replaceState(null, "", `${query === "" ? location.pathname : `?${query}`}${location.hash}`);
  });
}
