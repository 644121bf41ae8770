import { signal } from "@preact/signals-core";
import type { ComponentType, VNode } from "preact";

/** What is loaded when one of it is opened for the first time. */
const views = signal<Readonly<Record<string, ComponentType>> | null>(null);
let isAsked = false;

export function Later({ view }: { view: string }): VNode {
  if (views.value === null) {
    void load();
    return <p class="none">…</p>;
  }
  const View = views.value[view];
  return View === undefined ? <p class="none">There is no such page.</p> : <View />;
}

async function load(): Promise<void> {
  if (isAsked) return;
  isAsked = true;
  addStyle();
  views.value = (await import("./views/views.ts")).views;
}

/** The style of what is not on the first screen. */
function addStyle(): void {
  const { more } = document.documentElement.dataset;
  if (more === undefined) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = more;
  document.head.append(link);
}
