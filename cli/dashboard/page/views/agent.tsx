import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { reasonOf } from "../../../fleet/reason.ts";
import { marksOf } from "../../../fleet/state.ts";
import { durationText } from "../../../terminal/duration.ts";
import type { Agent } from "../../state.ts";
import { now } from "../clock.ts";
import { Sign, wordOf } from "../sign.tsx";
import { asked, isOperator, route } from "../store.ts";
import { agoText, labelsText, momentText } from "../words.ts";
import { EditAgent } from "./_edit_agent.tsx";
import { Events } from "./_events.tsx";
import { History } from "./_history.tsx";
import { Numbers } from "./_numbers.tsx";
import { Parts } from "./_parts.tsx";
import { useFetched } from "./_use.ts";

/** One agent: how it is, how it was, and everything that can be done about it. */
export default function AgentView(): VNode {
  const [, id = ""] = route.value.split("/");
  const path = `agents/${encodeURIComponent(id)}`;
  const [isEdited, edit] = useState(false);
  const { reply: agent, refusal } = useFetched<Agent>(path, 3000);
  if (agent === null) {
    return <p class={refusal === null ? "none" : "alert"}>{refusal ?? "…"}</p>;
  }
  const word = wordOf(agent);
  // What is wrong stands before them.
  const notes = marksOf(agent, now.value).filter((note) =>
    !note.replace(/^\d+ cop.*/, "copy").startsWith(word)
  );
  return (
    <article class="agent">
      <p>
        <a href="#/">← Fleet</a>
      </p>
      <div class="title">
        <h1>
          <bdi>{agent.name}</bdi>
        </h1>
        {isOperator.value && (
          <>
            <button
              type="button"
              aria-haspopup="dialog"
              onClick={() => edit(true)}
            >
              Edit…
            </button>
            <button
              type="button"
              aria-haspopup="dialog"
              onClick={() => asked.value = { agent }}
            >
              Act…
            </button>
          </>
        )}
      </div>
      {refusal !== null && <p class="alert" role="alert">{refusal}</p>}
      <p class="state">
        <b class={`pill ${word}`}>
          <Sign word={word} />
          {word}
        </b>
        <span>
          <bdi>
            {reasonOf(agent, now.value) ??
              `last seen ${agoText(agent.last_seen_at, now.value)}`}
          </bdi>
        </span>
        <span class="soft">
          since {momentText(agent.liveness_since, now.value)}
        </span>
      </p>
      {notes.length > 0 && (
        <p class="soft">
          <Parts of={notes} between=" · " />
        </p>
      )}
      <Numbers metrics={agent.metrics ?? {}} />
      <div class="columns">
        <div>
          <History path={path} interval={agent.heartbeat_interval_seconds} />
          <Copies copies={agent.copies} />
          <Events path={`${path}/events`} />
        </div>
        <section class="card" aria-labelledby="facts">
          <h2 id="facts">What is known</h2>
          <dl>
            {factsOf(agent).map(([title, text]) => <Fact key={title} title={title} text={text} />)}
          </dl>
        </section>
      </div>
      {isEdited && <EditAgent agent={agent} onLeave={() => edit(false)} />}
    </article>
  );
}

function Fact({ title, text }: { title: string; text: Text }): VNode | null {
  const parts = Array.isArray(text) ? text : [text];
  return parts.every((part) => part === null || part === "") ? null : (
    <div>
      <dt>{title}</dt>
      <dd>
        <Parts of={parts} between=", " />
      </dd>
    </div>
  );
}

function Copies({ copies }: { copies: Agent["copies"] }): VNode | null {
  if (copies.length === 0) return null;
  return (
    <section class="card" aria-labelledby="copies">
      <h2 id="copies">Copies</h2>
      <ul class="plain">
        {copies.map(({ instance_id, hostname, address, last_seen_at }) => (
          <li key={instance_id}>
            <Sign word="copy" /> <bdi>{hostname ?? "unnamed host"}</bdi>{" "}
            <span class="soft">
              {address ?? "unknown address"}, last seen {agoText(last_seen_at, now.value)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

type Text = string | null | (string | null)[];

function factsOf(agent: Agent): [string, Text][] {
  const when = (moment: string | null): string | null =>
    moment === null ? null : momentText(moment, now.value);
  return [
    ["Host", agent.hostname],
    ["System", [agent.os, agent.arch]],
    ["Program", agent.version],
    ["Labels", Object.entries(agent.labels).map(([key, value]) => labelsText({ [key]: value }))],
    ["Says", agent.message],
    ["Beats", `every ${durationText(agent.heartbeat_interval_seconds)}`],
    [
      "Work",
      agent.busy === null
        ? null
        : agent.busy
        ? `busy, moved ${agoText(agent.last_progress_at, now.value)}`
        : "idle",
    ],
    [
      "Deadline",
      agent.progress_deadline_seconds === null
        ? null
        : `work that stands still for ${durationText(agent.progress_deadline_seconds)} is stalled`,
    ],
    [
      "Session",
      agent.last_handshake_at === null
        ? "never shook hands"
        : `shook hands ${agoText(agent.last_handshake_at, now.value)}`,
    ],
    [
      "Secret",
      agent.secret_created_at === null
        ? "none"
        : `of ${when(agent.secret_created_at)}${
          agent.previous_secret_expires_at === null
            ? ""
            : `, the one before good until ${when(agent.previous_secret_expires_at)}`
        }`,
    ],
    ["Rotation", agent.rotation.replaceAll("_", " ")],
    [
      "Refusals",
      agent.refused_handshakes_count === 0
        ? "none"
        : `${agent.refused_handshakes_count}, last ${agoText(agent.last_refused_at, now.value)}: ${
          agent.last_refusal?.replaceAll("_", " ") ?? "unknown"
        }`,
    ],
    [
      "Clock",
      agent.clock_offset_seconds === null || agent.clock_offset_seconds === 0
        ? null
        : `${agent.clock_offset_seconds} s ${agent.clock_offset_seconds < 0 ? "behind" : "ahead"}`,
    ],
    ["Made", when(agent.created_at)],
    ["Revoked", when(agent.revoked_at)],
    ["Id", agent.id],
  ];
}
