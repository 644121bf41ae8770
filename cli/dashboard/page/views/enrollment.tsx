import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { enrollmentLines } from "../../../operator/paste.ts";
import { now } from "../clock.ts";
import { Sign } from "../sign.tsx";
import { isOperator, url } from "../store.ts";
import { agoText, labelsText, momentText } from "../words.ts";
import { CopyLine } from "./_copy_line.tsx";
import { Dialog } from "./_dialog.tsx";
import { parseLabels } from "./_labels.ts";
import { act, tell, useAct, useFetched } from "./_use.ts";

interface Enrollment {
  id: string;
  name: string | null;
  labels: Record<string, string>;
  uses: number;
  used: number;
  expires_at: string;
  revoked_at: string | null;
}

interface Host {
  agent_id: string | null;
  hostname: string | null;
  address: string | null;
  step: string | null;
  failed: boolean;
  detail: string | null;
  at: string;
}

/** Codes with which hosts make their own agents, and how far each host has come. */
export default function Enrollments(): VNode {
  const [made, keep] = useState<{ id: string; code: string } | null>(null);
  const { reply, refusal } = useFetched<{ enrollments: Enrollment[] }>("enrollments?limit=50", 5000);
  return (
    <article>
      <h1>Enrollment</h1>
      <p class="soft">
        A code lets hosts make their own agents: one line on each of them, and here they arrive.
      </p>
      {isOperator.value && <NewCode onMade={keep} />}
      {made !== null && <Lines {...made} />}
      {refusal !== null && <p class="alert">{refusal}</p>}
      {reply?.enrollments.length === 0 && <p class="none card">No code was made yet.</p>}
      {reply?.enrollments.map((one) => <Code key={one.id} enrollment={one} isOpen={one.id === made?.id} />)}
    </article>
  );
}

function NewCode({ onMade }: { onMade: (made: { id: string; code: string }) => void }): VNode {
  const { refusal, isBusy, run } = useAct();
  const submit = (form: HTMLFormElement): void => {
    const fields = new FormData(form);
    run(async () => {
      const labels = parseLabels(String(fields.get("labels")));
      const { enrollment, code } = await act<
        { enrollment: Enrollment; code: string }
      >("enrollments", {
        uses: Number(fields.get("uses")),
        expires_in: Number(fields.get("expires")),
        labels,
      });
      onMade({ id: enrollment.id, code });
    });
  };
  return (
    <form
      class="new card"
      onSubmit={(event) => {
        event.preventDefault();
        submit(event.currentTarget);
      }}
    >
      <label>
        Hosts{" "}
        <input
          name="uses"
          type="number"
          min="1"
          max="10000"
          defaultValue="1"
          required
        />
      </label>
      <label>
        Good for{" "}
        <select name="expires">
          <option value="3600">an hour</option>
          <option value="86400">a day</option>
          <option value="604800">a week</option>
        </select>
      </label>
      <label>
        Labels <input name="labels" placeholder="site:Linz, role:web" />
      </label>
      <button type="submit" class="main" disabled={isBusy}>Make a code</button>
      {refusal !== null && <p class="alert" role="alert">{refusal}</p>}
    </form>
  );
}

/** The code is shown once, in the lines that use it. */
function Lines({ code }: { code: string }): VNode {
  return (
    <section class="card" aria-labelledby="lines">
      <h2 id="lines">
        Run one of these on each host. The code is not shown again.
      </h2>
      {enrollmentLines({ url: url.value, code }).map(({ host, line }) => (
        <CopyLine key={host} title={host} line={line} />
      ))}
    </section>
  );
}

function Code({ enrollment, isOpen }: { enrollment: Enrollment; isOpen: boolean }): VNode {
  const { id, uses, used, labels, expires_at, revoked_at } = enrollment;
  const { reply } = useFetched<{ hosts: Host[] }>(`enrollments/${id}`, 3000);
  const [isAsked, ask] = useState(false);
  const isGood = revoked_at === null && Date.parse(expires_at) > now.value &&
    used < uses;
  const shown = labelsText(labels);
  return (
    <section
      class={isGood ? "card whole" : "card whole muted"}
      aria-labelledby={id}
    >
      <h2 id={id}>
        <span>{used} of {uses} {uses === 1 ? "host" : "hosts"}</span>
        <progress max={uses} value={used} aria-label="Hosts that have come" />
        <span class="soft">
          {revoked_at !== null ? "revoked" : `until ${momentText(expires_at, now.value)}`}
          {isOpen && ", the code above"}
        </span>
        {shown !== "" && (
          <span class="soft">
            <bdi>{shown}</bdi>
          </span>
        )}
        {isOperator.value && isGood && (
          <button
            type="button"
            aria-haspopup="dialog"
            onClick={() => ask(true)}
          >
            Revoke…
          </button>
        )}
      </h2>
      {isAsked && (
        <Dialog
          title={`The code for ${uses} ${uses === 1 ? "host" : "hosts"}`}
          verb="Revoke"
          isHarsh
          onLeave={() => ask(false)}
          perform={async () => {
            await act(`enrollments/${id}/revoke`);
            tell("Revoked the code");
          }}
        >
          <p class="will">
            It makes no agent from then on. The agents that it made stay.
          </p>
        </Dialog>
      )}
      <ul class="plain">
        {reply?.hosts.map((host) => (
          <li key={`${host.agent_id} ${host.hostname} ${host.address}`}>
            <Sign
              word={host.failed ? "offline" : host.agent_id === null ? "pending" : "online"}
            />{" "}
            {host.agent_id === null
              ? <bdi>{host.hostname ?? host.address ?? "unnamed host"}</bdi>
              : (
                <a href={`#/agents/${host.agent_id}`}>
                  <bdi>{host.hostname ?? host.agent_id}</bdi>
                </a>
              )}{" "}
            <span class={host.failed ? "offline" : "soft"}>
              {host.failed ? "failed at " : ""}
              {host.step?.replaceAll("_", " ") ??
                (host.agent_id === null ? "" : "enrolled")} <bdi>{host.detail}</bdi>
            </span>{" "}
            <span class="num soft">{agoText(host.at, now.value)}</span>
          </li>
        ))}
        {reply?.hosts.length === 0 && <li class="soft">No host has come yet.</li>}
      </ul>
    </section>
  );
}
