import type { VNode } from "preact";
import type { Agent } from "../state.ts";
import { reasonOf } from "../../fleet/reason.ts";
import { isMuted } from "../../fleet/state.ts";
import { now } from "./clock.ts";
import { Sign, wordOf } from "./sign.tsx";
import { asked, isOperator, trouble, troubleSeen } from "./store.ts";
import { VirtualRows } from "./virtual_rows.tsx";
import { agoText, momentText } from "./words.ts";

const columns = ["Agent", "What is wrong", "Since", "Last seen"];

/** Every agent that somebody should look at, the worst first. */
export function Trouble(): VNode | null {
  const agents = trouble.value;
  if (agents.length === 0) return null;
  return (
    <section class="trouble" aria-labelledby="trouble">
      <h2 id="trouble">Trouble</h2>
      <VirtualRows
        label="Agents in trouble, the worst first"
        count={agents.length}
        rowHeight={() => innerWidth > 760 ? 38 : 60}
        most={26}
        isOwn
        columns={isOperator.value ? [...columns, "Act"] : columns}
        onSlice={({ end }) => {
          troubleSeen.value = end;
        }}
      >
        {(index) => {
          const agent = agents[index];
          return agent && <Row key={agent.id} agent={agent} index={index} />;
        }}
      </VirtualRows>
    </section>
  );
}

function Row({ agent, index }: { agent: Agent; index: number }): VNode {
  const word = wordOf(agent);
  const muted = isMuted(agent, now.value);
  return (
    <div class={muted ? "row muted" : "row"} role="row" aria-rowindex={index + 2}>
      <span class="name" role="cell">
        <Sign word={word} />
        <a href={`#/agents/${agent.id}`}>
          <bdi>{agent.name}</bdi>
        </a>
      </span>
      <span class="why" role="cell">
        <b class={word}>{word}</b> <bdi>{reasonOf(agent, now.value)}</bdi>
        {muted && <em>{`, muted until ${momentText(agent.muted_until, now.value)}`}</em>}
      </span>
      <span class="num" role="cell">{momentText(agent.liveness_since, now.value)}</span>
      <span class="num" role="cell">{agoText(agent.last_seen_at, now.value)}</span>
      {isOperator.value && (
        <span role="cell">
          <button
            type="button"
            aria-haspopup="dialog"
            aria-label={`${actOf(agent, muted)} ${agent.name}`}
            onClick={() => asked.value = { agent }}
          >
            {actOf(agent, muted)}
          </button>
        </span>
      )}
    </div>
  );
}

function actOf(agent: Agent, muted: boolean): string {
  return agent.copies.length > 0 ? "Adopt…" : muted ? "Unmute…" : "Mute…";
}
