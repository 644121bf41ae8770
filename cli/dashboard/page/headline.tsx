import type { VNode } from "preact";
import { fleetSentence } from "../../fleet/sentence.ts";
import { durationText } from "../../terminal/duration.ts";
import { isStale, now, verified } from "./clock.ts";
import { counts, filters, isLoggedOut, troubles } from "./store.ts";
import { capitalized, momentText } from "./words.ts";
import { formatFilters } from "./filters.ts";

/** "3 offline, 2 late, 1 copy of 48,201." */
export function sentence(): string {
  const text = capitalized(fleetSentence({ counts: counts.value, troubles: troubles.value }));
  return `${text}${formatFilters({ ...filters.value, group: "", liveness: [] }) === "" ? "" : " that fit"}.`;
}

/** How the fleet is, and how old this is. */
export function Headline(): VNode {
  return (
    <div class="headline">
      <h1>{colored(sentence())}</h1>
      <Age />
    </div>
  );
}

/** The sentence with its troubles in their colors. */
function colored(text: string): (VNode | string)[] {
  return text.split(/(\d[\d,]* (?:offline|stalled|unhealthy|late|cop)\w*)/).map((part, index) =>
    index % 2 === 0 ? part : <span key={index} class={part.replace(/.* /, "")}>{part}</span>
  );
}

/** How old this is; loudly where it is too old. */
export function Age(): VNode {
  if (isLoggedOut.value) {
    return (
      <p class="age alert" role="alert">
        Your session has ended. What you see is of{" "}
        {momentText(new Date(verified.value).toISOString(), now.value)}. <a href="/">Log in again</a>
      </p>
    );
  }
  const seconds = Math.max(0, (now.value - verified.value) / 1000);
  if (isStale.value) {
    return (
      <p class="age alert" role="alert">
        Not up to date since {momentText(new Date(verified.value).toISOString(), now.value)},{" "}
        {durationText(seconds)} ago: the server does not answer.
      </p>
    );
  }
  return <p class="age">Updated {seconds < 1.5 ? "just now" : `${durationText(seconds)} ago`}</p>;
}
