import { effect } from "@preact/signals-core";
import { Component, type VNode } from "preact";
import { grouped } from "../../fleet/sentence.ts";
import { marksOf } from "../../fleet/state.ts";
import { now } from "./clock.ts";
import { needRows, renewRows } from "./row_source.ts";
import { Sign, wordOf } from "./sign.tsx";
import { map, rows } from "./store.ts";
import { VirtualRows } from "./virtual_rows.tsx";
import { agoText, momentText } from "./words.ts";

const columns = ["Agent", "State", "Host", "Version", "Since", "Last seen", "Notes"];
let seen = { first: 0, end: 0 };

/** Every agent that fits, in the map's order. */
export class List extends Component {
  #stop: (() => void)[] = [];

  override componentDidMount(): void {
    this.#stop = [
      effect(() => {
        if (now.value === 0) return;
        needRows(seen.first, seen.end);
        renewRows(seen.first, seen.end);
      }),
      effect(() => {
        if (map.value !== null && rows.value.size >= 0) needRows(seen.first, seen.end);
      }),
    ];
  }

  override componentWillUnmount(): void {
    for (const stop of this.#stop) stop();
  }

  render(): VNode {
    const count = map.value?.cells.length ?? rows.value.size;
    return (
      <section class="list" aria-labelledby="list">
        <h2 id="list">
          Agents <small>{grouped(count)}</small>
        </h2>
        {count === 0 ? <p class="none">No agent fits.</p> : (
          <VirtualRows
            label="Agents"
            count={count}
            rowHeight={() => 32}
            most={34}
            columns={columns}
            onSlice={(slice) => {
              seen = slice;
              needRows(slice.first, slice.end);
            }}
          >
            {(index) => <Row key={index} index={index} />}
          </VirtualRows>
        )}
      </section>
    );
  }
}

function Row({ index }: { index: number }): VNode {
  const agent = rows.value.get(index);
  if (agent === undefined) {
    return (
      <div class="row" role="row" aria-rowindex={index + 2}>
        <span class="name" role="cell">…</span>
      </div>
    );
  }
  const word = wordOf(agent);
  return (
    <div class="row" role="row" aria-rowindex={index + 2}>
      <span class="name" role="cell">
        <Sign word={word} />
        <a href={`#/agents/${agent.id}`}>
          <bdi>{agent.name}</bdi>
        </a>
      </span>
      <span class={word} role="cell">{agent.liveness}</span>
      <span class="host" role="cell">
        <bdi>{agent.hostname}</bdi>
      </span>
      <span class="num" role="cell">
        <bdi>{agent.version}</bdi>
      </span>
      <span class="num" role="cell">{momentText(agent.liveness_since, now.value)}</span>
      <span class="num" role="cell">
        {agent.liveness === "online" ? "" : agoText(agent.last_seen_at, now.value)}
      </span>
      <span class="notes" role="cell">
        <bdi>{marksOf(agent, now.value).join(", ")}</bdi>
      </span>
    </div>
  );
}
