import { effect } from "@preact/signals-core";
import { hydrate, render, type VNode } from "preact";

/** Takes over what the server has rendered, and renders it again whenever a signal that it reads has changed. */
export function show(view: () => VNode, root: HTMLElement): void {
  let isFirst = true;
  effect(() => {
    if (isFirst) hydrate(view(), root);
    else render(view(), root);
    isFirst = false;
  });
}
