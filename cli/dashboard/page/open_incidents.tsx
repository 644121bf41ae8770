import type { VNode } from "preact";
import type { Incident } from "../state.ts";
import { grouped } from "../../fleet/sentence.ts";
import { now } from "./clock.ts";
import { Sign } from "./sign.tsx";
import { asked, incidents, isOperator } from "./store.ts";
import { agoText, labelsText, momentText } from "./words.ts";

/** What is wrong now, and who was told of it. */
export function OpenIncidents(): VNode | null {
  if (incidents.value.length === 0) return null;
  return (
    <section class="incidents" aria-labelledby="incidents">
      <h2 id="incidents">
        Incidents{" "}
        <small>
          <a href="#/incidents">all of them</a>
        </small>
      </h2>
      <ul>
        {incidents.value.slice(0, 12).map((incident) => <Line key={incident.id} incident={incident} />)}
      </ul>
    </section>
  );
}

function Line({ incident }: { incident: Incident }): VNode {
  const { kind, agents, agents_count: count, labels, reason, opened_at, acknowledged_at, deliveries } =
    incident;
  const shared = labelsText(labels);
  return (
    <li>
      <Sign word={kind} />
      <div>
        <p>
          <b class={kind}>{kind}</b> {count === 1
            ? <bdi>{agents[0]?.name}</bdi>
            : kind === "server"
            ? "this server was away"
            : `${grouped(count)} agents`}
          {shared !== "" && (
            <span class="soft">
              {" of "}
              <bdi>{shared}</bdi>
            </span>
          )}
          {reason !== null && (
            <span class="soft">
              {", "}
              <bdi>{reason}</bdi>
            </span>
          )}
        </p>
        <p class="soft">
          since {momentText(opened_at, now.value)}
          {acknowledged_at !== null && ", acknowledged"}
          {deliveries.length === 0
            ? ", nobody was told"
            : deliveries.slice(0, 3).map((delivery) => (
              <span key={delivery.id}>
                , <bdi>{delivery.channel_name}</bdi> <bdi>{deliveryText(delivery, now.value)}</bdi>
              </span>
            ))}
        </p>
      </div>
      {isOperator.value && acknowledged_at === null && (
        <button
          type="button"
          aria-haspopup="dialog"
          onClick={() => asked.value = { incident }}
        >
          Acknowledge…
        </button>
      )}
    </li>
  );
}

/** "was told 2 min ago", or what the receiver said instead. */
export function deliveryText(
  { state, delivered_at, attempts, last_answer }: Incident["deliveries"][number],
  at: number,
): string {
  if (delivered_at !== null) return `was told ${agoText(delivered_at, at)}`;
  if (attempts === 0) return "is about to be told";
  const said = last_answer === null ? "" : `: ${last_answer}`;
  return `${state === "failed" ? "could not be told" : "is being told"}, ${attempts} ${
    attempts === 1 ? "try" : "tries"
  }${said}`;
}
