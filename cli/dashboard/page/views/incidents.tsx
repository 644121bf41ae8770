import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { grouped } from "../../../fleet/sentence.ts";
import type { Incident } from "../../state.ts";
import { now } from "../clock.ts";
import { deliveryText } from "../open_incidents.tsx";
import { Sign } from "../sign.tsx";
import { asked, isOperator } from "../store.ts";
import { labelsText, momentText } from "../words.ts";
import { durationText } from "../../../terminal/duration.ts";
import { Parts } from "./_parts.tsx";
import { useFetched } from "./_use.ts";

/** Every incident, the last opened first, with whom it was told. */
export default function Incidents(): VNode {
  const [state, choose] = useState("");
  const query = state === "" ? "" : `&state=${state}`;
  const { reply, refusal } = useFetched<{ incidents: Incident[]; next_cursor: string | null }>(
    `incidents?limit=100${query}`,
    3000,
  );
  return (
    <article>
      <h1>Incidents</h1>
      <p class="chips" role="group" aria-label="Which">
        {[["", "all"], ["open", "open"], ["closed", "closed"]].map(([word = "", title]) => (
          <button
            key={word}
            type="button"
            aria-pressed={word === state}
            onClick={() => choose(word)}
          >
            {title}
          </button>
        ))}
      </p>
      {refusal !== null && <p class="alert">{refusal}</p>}
      {reply?.incidents.length === 0 && (
        <p class="none card">
          None. Nothing has been wrong for a minute or more.
        </p>
      )}
      {reply?.incidents.map((incident) => <Whole key={incident.id} incident={incident} />)}
      {reply !== null && reply.next_cursor !== null && <p class="soft">Older ones: openclaw incidents</p>}
    </article>
  );
}

function Whole({ incident }: { incident: Incident }): VNode {
  const {
    id,
    kind,
    agents,
    agents_count: count,
    labels,
    reason,
    opened_at,
    closed_at,
    acknowledged_at,
    deliveries,
  } = incident;
  const lasted = (closed_at === null ? now.value : Date.parse(closed_at)) - Date.parse(opened_at);
  return (
    <section class={closed_at === null ? "card whole" : "card whole muted"} aria-labelledby={id}>
      <h2 id={id}>
        <Sign word={kind} />
        <span class={kind}>{kind}</span>
        <span class={`pill ${closed_at === null ? kind : ""}`}>{closed_at === null ? "open" : "closed"}</span>
        {isOperator.value && closed_at === null && acknowledged_at === null && (
          <button
            type="button"
            aria-haspopup="dialog"
            onClick={() => asked.value = { incident }}
          >
            Acknowledge…
          </button>
        )}
      </h2>
      <p>
        {kind === "server" ? "This server was away more than three times in an hour" : grouped(count)}
        {kind !== "server" && (count === 1 ? " agent: " : " agents: ")}
        {agents.map((agent, index) => (
          <span key={agent.id}>
            {index > 0 && ", "}
            <a href={`#/agents/${agent.id}`}>
              <bdi>{agent.name}</bdi>
            </a>
          </span>
        ))}
        {count > agents.length && kind !== "server" && ` and ${grouped(count - agents.length)} more`}
      </p>
      <p class="soft">
        <Parts
          of={[
            `${momentText(opened_at, now.value)}, for ${durationText(lasted / 1000)}`,
            acknowledged_at === null ? null : `acknowledged ${momentText(acknowledged_at, now.value)}`,
            labelsText(labels),
            reason,
          ]}
          between=" · "
        />
      </p>
      <ul class="plain">
        {deliveries.map((delivery) => (
          <li key={delivery.id}>
            <span class="num soft">{momentText(delivery.created_at, now.value)}</span>{" "}
            <bdi>{delivery.channel_name}</bdi> <bdi>{deliveryText(delivery, now.value)}</bdi>{" "}
            <span class="soft">
              <bdi>{delivery.delivered_at === null ? "" : delivery.last_answer}</bdi>
            </span>
          </li>
        ))}
        {deliveries.length === 0 && <li class="soft">Nobody was told: no channel wants to know.</li>}
      </ul>
    </section>
  );
}
