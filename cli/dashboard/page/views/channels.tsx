import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { durationText } from "../../../terminal/duration.ts";
import type { Incident } from "../../state.ts";
import { incidentKinds } from "../../../fleet/channel_kinds.ts";
import { now } from "../clock.ts";
import { deliveryText } from "../open_incidents.tsx";
import { Sign } from "../sign.tsx";
import { isOperator } from "../store.ts";
import { labelsText, momentText } from "../words.ts";
import { CopyLine } from "./_copy_line.tsx";
import { Dialog } from "./_dialog.tsx";
import { type Channel, EditChannel } from "./_edit_channel.tsx";
import { Parts } from "./_parts.tsx";
import { act, tell, useAct, useFetched } from "./_use.ts";

/** Who is told of incidents, and how that went. */
export default function Channels(): VNode {
  const { reply, refusal } = useFetched<{ channels: Channel[] }>("channels?limit=200", 10_000);
  const incidents = useFetched<{ incidents: Incident[] }>("incidents?limit=50", 10_000);
  const [isAdding, add] = useState(false);
  const [secret, keep] = useState<string | null>(null);
  const deliveries =
    incidents.reply?.incidents.flatMap(({ kind, deliveries }) =>
      deliveries.map((delivery) => ({ kind, delivery }))
    ) ?? [];
  return (
    <article>
      <div class="title">
        <h1>Channels</h1>
        {isOperator.value && (
          <button
            type="button"
            class="main"
            aria-haspopup="dialog"
            onClick={() => add(true)}
          >
            Add a channel…
          </button>
        )}
      </div>
      <p class="soft">
        Who is told of an incident, and what the receiver said.
      </p>
      {isAdding && (
        <EditChannel
          channel={null}
          onLeave={() => add(false)}
          onMade={keep}
        />
      )}
      {secret !== null && (
        <section class="card" role="status">
          <p>
            The receiver checks the messages with this secret. It is not shown again.
          </p>
          <CopyLine title="Signing secret" line={secret} />
        </section>
      )}
      {refusal !== null && <p class="alert">{refusal}</p>}
      {reply?.channels.length === 0 && (
        <p class="none card">
          Nobody is told of incidents yet: by mail, Slack, PagerDuty, a webhook and others.
        </p>
      )}
      {reply?.channels.map((channel) => (
        <One
          key={channel.id}
          channel={channel}
          told={deliveries.filter(({ delivery }) => delivery.channel_id === channel.id).slice(0, 5)}
        />
      ))}
    </article>
  );
}

function One({ channel, told }: {
  channel: Channel;
  told: { kind: string; delivery: Incident["deliveries"][number] }[];
}): VNode {
  const { id, name, kind, settings, enabled } = channel;
  const [asked, ask] = useState<"edit" | "remove" | null>(null);
  const [answer, say] = useState<string | null>(null);
  const { refusal, isBusy, run } = useAct();
  const leave = (): void => ask(null);
  const test = async (): Promise<void> => {
    const reply = await act<{ delivered: boolean; answer: string }>(`channels/${id}/test`);
    say(`${reply.delivered ? "Taken" : "Not taken"}: ${reply.answer}`);
  };
  return (
    <section
      class={enabled ? "card whole" : "card whole muted"}
      aria-labelledby={id}
    >
      <h2 id={id}>
        <bdi>{name}</bdi>
        <span class="pill">{kind}</span>
        <span class="soft">
          <Parts of={Object.values(settings)} between=", " />
        </span>
        {isOperator.value && (
          <>
            <button
              type="button"
              disabled={isBusy}
              aria-label={`Test ${name}`}
              onClick={() => run(test)}
            >
              Test
            </button>
            <button
              type="button"
              aria-haspopup="dialog"
              aria-label={`Edit ${name}`}
              onClick={() => ask("edit")}
            >
              Edit…
            </button>
            <button
              type="button"
              aria-haspopup="dialog"
              aria-label={`Remove ${name}`}
              onClick={() => ask("remove")}
            >
              Remove…
            </button>
          </>
        )}
      </h2>
      <p class="soft">
        <Parts of={rulesOf(channel)} between=" · " />
      </p>
      {asked === "edit" && <EditChannel channel={channel} onLeave={leave} />}
      {asked === "remove" && (
        <Dialog
          title={`Remove ${name}`}
          verb="Remove"
          isHarsh
          onLeave={leave}
          perform={async () => {
            await act(`channels/${id}`, {}, "DELETE");
            tell(`Removed ${name}`);
          }}
        >
          <p class="will">
            It is told nothing more, of what has happened neither.
          </p>
        </Dialog>
      )}
      {refusal !== null && <p class="alert" role="alert">{refusal}</p>}
      {answer !== null && (
        <p role="status">
          <bdi>{answer}</bdi>
        </p>
      )}
      <ul class="plain">
        {told.map(({ kind, delivery }) => (
          <li key={delivery.id}>
            <span class="num soft">
              {momentText(delivery.created_at, now.value)}
            </span>{" "}
            <Sign word={kind} /> {kind} <span class="soft">{delivery.type.replace("incident.", "")}</span>
            {" "}
            <bdi>{deliveryText(delivery, now.value)}</bdi>
          </li>
        ))}
        {told.length === 0 && <li class="soft">It was told nothing yet.</li>}
      </ul>
    </section>
  );
}

function rulesOf({ enabled, kinds, labels, after_seconds, remind_after_seconds }: Channel): string[] {
  const shared = labelsText(labels);
  return [
    enabled ? "" : "switched off",
    kinds.length === incidentKinds.length ? "all incidents" : kinds.join(", "),
    shared === "" ? "" : `only ${shared}`,
    after_seconds === 0 ? "at once" : `after ${durationText(after_seconds)}`,
    remind_after_seconds === null ? "" : `reminded every ${durationText(remind_after_seconds)}`,
  ];
}
