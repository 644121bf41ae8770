import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type Choice, choicesFor, choicesForIncident } from "../../../fleet/acts.ts";
import type { Agent, Incident } from "../../state.ts";
import { now } from "../clock.ts";
import { asked, url } from "../store.ts";
import { capitalized } from "../words.ts";
import { CopyLine } from "./_copy_line.tsx";
import { Dialog } from "./_dialog.tsx";
import { Select } from "./_select.tsx";
import { act, tell } from "./_use.ts";

/** An act that only the page offers besides: its result, or what it asks for, does not fit into a line. */
interface Extra extends Omit<Choice, "act"> {
  act: "rotate-secret" | "delete";
}

interface Subject {
  agent?: Agent;
  incident?: Incident;
}

const hour = 3_600_000;
const spans = [["1 hour", hour], ["4 hours", 4 * hour], ["a day", 24 * hour], ["a week", 168 * hour], [
  "until a time",
  0,
]] as const;
const overlaps = [["an hour", 3600], ["a day", 86_400], ["a week", 604_800], [
  "no time: it leaked",
  0,
]] as const;
const extras: Extra[] = [{
  act: "rotate-secret",
  title: "make a new secret",
  done: "made a new secret for",
  will: "The new secret is shown once, here. The one before stays good for as long as you choose.",
}, {
  act: "delete",
  title: "delete",
  done: "deleted",
  will: "The agent is gone for good, with its history. Its events stay.",
}];

/** Says what an act will do, and does it when that is confirmed. */
export default function Ask(): VNode | null {
  const [chosen, choose] = useState(0);
  const [span, setSpan] = useState<number>(hour);
  const [overlap, setOverlap] = useState(3600);
  const [typed, type] = useState("");
  const [secret, keep] = useState<string | null>(null);
  const subject = asked.value;
  if (subject === null) return null;
  const { agent } = subject;
  const choices = choicesOf(subject);
  const choice = choices[chosen];
  const title = agent?.name ?? `The ${subject.incident?.kind} incident`;
  const leave = (): void => void (asked.value = null);
  if (secret !== null && agent !== undefined) {
    return (
      <Dialog
        title={title}
        verb={null}
        onLeave={leave}
        perform={async () => {}}
      >
        <NewSecret agent={agent} secret={secret} leaked={overlap === 0} />
      </Dialog>
    );
  }
  return (
    <Dialog
      title={title}
      verb={choice === undefined ? null : capitalized(choice.title.replace(/ (the copy|until) .*/, ""))}
      isHarsh={choice !== undefined &&
        ["revoke", "revoke-copy", "delete"].includes(choice.act)}
      isReady={choice?.act !== "delete" || typed === agent?.name}
      onLeave={leave}
      perform={async (fields) => {
        if (choice === undefined) return;
        const until = span === 0 ? new Date(String(fields.get("until"))) : new Date(now.peek() + span);
        const made = await perform(subject, choice, { until, overlap });
        if (made !== null) {
          keep(made);
          return false;
        }
        tell(`${capitalized(choice.done)} ${title}`);
        if (choice.act === "delete") location.hash = "#/";
      }}
    >
      {choices.length > 1 && (
        <fieldset>
          <legend>What to do</legend>
          {choices.map(({ title, act: name, instanceId }, index) => (
            <label key={`${name} ${instanceId}`}>
              <input
                type="radio"
                name="act"
                checked={index === chosen}
                onChange={() => choose(index)}
              />
              <bdi>{capitalized(title)}</bdi>
            </label>
          ))}
        </fieldset>
      )}
      <p class="will">
        {choice === undefined
          ? "There is nothing to do about it any more."
          : choice.act === "rotate-secret" && overlap === 0
          ? "The new secret is shown once, here. The one before and all sessions end at once."
          : choice.will}
      </p>
      {choice?.act === "mute" && <Select label="For" options={spans} chosen={span} choose={setSpan} />}
      {choice?.act === "mute" && span === 0 && (
        <label>
          Until <input name="until" type="datetime-local" required />
        </label>
      )}
      {choice?.act === "rotate-secret" && (
        <Select
          label="The one before stays good for"
          options={overlaps}
          chosen={overlap}
          choose={setOverlap}
        />
      )}
      {choice?.act === "delete" && (
        <label>
          Type its name:{" "}
          <input
            value={typed}
            autocomplete="off"
            onInput={({ currentTarget: { value } }) => type(value)}
          />
        </label>
      )}
    </Dialog>
  );
}

/** What is shown once, and how it gets to the agent's host. */
function NewSecret({ agent, secret, leaked }: { agent: Agent; secret: string; leaked: boolean }): VNode {
  return (
    <div role="status">
      <p>
        {leaked
          ? "The agent is out until its host has this secret. "
          : "Bring this secret to its host while the one before is good. "}
        It is not shown again.
      </p>
      <CopyLine title="Secret" line={secret} />
      <p>On a host with the program, this asks for it:</p>
      <CopyLine
        title="Command"
        line={`openclaw-agent configure --url ${url.value} --agent-id ${agent.id}`}
      />
    </div>
  );
}

function choicesOf({ agent, incident }: Subject): (Choice | Extra)[] {
  if (agent !== undefined) return [...choicesFor(agent, now.peek()), ...extras];
  return incident === undefined ? [] : choicesForIncident(incident);
}

/** @returns the secret that was made, if one was */
async function perform(
  { agent, incident }: Subject,
  choice: Choice | Extra,
  { until, overlap }: { until: Date; overlap: number },
): Promise<string | null> {
  if (incident !== undefined) await act(`incidents/${incident.id}/acknowledge`);
  if (agent === undefined) return null;
  const path = `agents/${agent.id}`;
  if (choice.act === "mute") {
    await act(path, { muted_until: until.toISOString() }, "PATCH");
  } else if (choice.act === "unmute") {
    await act(path, { muted_until: null }, "PATCH");
  } else if (choice.act === "delete") {
    await act(`${path}?name=${encodeURIComponent(agent.name)}`, {}, "DELETE");
  } else if (choice.act === "rotate-secret") {
    return (await act<{ agent_secret: string }>(`${path}/rotate-secret`, {
      overlap_seconds: overlap,
    }))
      .agent_secret;
  } else {
    await act(
      `${path}/${choice.act}`,
      choice.instanceId === undefined ? {} : { instance_id: choice.instanceId },
    );
  }
  return null;
}
