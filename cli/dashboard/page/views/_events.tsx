import type { VNode } from "preact";
import { now } from "../clock.ts";
import { momentText } from "../words.ts";
import { Parts } from "./_parts.tsx";
import { useFetched } from "./_use.ts";

interface Event {
  id: number | string;
  kind: string;
  at: string;
  actor: string | null;
  address: string | null;
}

/** What was done or seen, by whom and from where, the newest first. */
export function Events({ path }: { path: string }): VNode {
  const { reply, refusal } = useFetched<{ events: Event[] }>(`${path}?limit=30`, 10_000);
  return (
    <section class="card" aria-labelledby="events">
      <h2 id="events">Events</h2>
      {refusal !== null && <p class="alert">{refusal}</p>}
      <ul class="plain">
        {reply?.events.map(({ id, kind, at, actor, address }) => (
          <li key={id}>
            <span class="num soft">{momentText(at, now.value)}</span> {kind.replaceAll("_", " ")}{" "}
            <span class="soft">
              <Parts of={[actor, address]} between=", " />
            </span>
          </li>
        ))}
        {reply?.events.length === 0 && <li class="soft">None yet.</li>}
      </ul>
    </section>
  );
}
