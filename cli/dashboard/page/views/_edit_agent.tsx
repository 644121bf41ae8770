import type { VNode } from "preact";
import type { Agent } from "../../state.ts";
import { Dialog } from "./_dialog.tsx";
import { linesOf, parseLabels } from "./_labels.ts";
import { act, tell } from "./_use.ts";

/** What an operator calls an agent, and when it is taken for late. */
export function EditAgent({ agent, onLeave }: { agent: Agent; onLeave: () => void }): VNode {
  const { name, labels, heartbeat_interval_seconds: interval, progress_deadline_seconds: deadline } = agent;
  return (
    <Dialog
      title={`Edit ${name}`}
      verb="Save"
      onLeave={onLeave}
      perform={async (fields) => {
        const changes = changesOf(agent, fields);
        if (Object.keys(changes).length === 0) return;
        await act(`agents/${agent.id}`, changes, "PATCH");
        tell(`Edited ${changes.name ?? name}`);
      }}
    >
      <label>
        Name <input name="name" maxLength={200} required defaultValue={name} />
      </label>
      <label>
        Labels, one a line, such as site:Linz
        <textarea
          name="labels"
          rows={3}
          spellcheck={false}
          defaultValue={linesOf(labels)}
        />
      </label>
      <label>
        Beats every … seconds
        <input
          name="interval"
          type="number"
          min="5"
          max="86400"
          required
          defaultValue={String(interval)}
        />
      </label>
      <label>
        Its work may stand still for … seconds
        <input
          name="deadline"
          type="number"
          min="10"
          max="604800"
          placeholder="as long as it likes"
          defaultValue={deadline === null ? "" : String(deadline)}
        />
      </label>
      <p class="soft">
        It hears of another interval with its next beat. With 60 s, it is late after 81 s and offline after
        195 s.
      </p>
    </Dialog>
  );
}

interface Changes {
  name?: string;
  labels?: Record<string, string>;
  heartbeat_interval_seconds?: number;
  progress_deadline_seconds?: number | null;
}

/** What was changed, and nothing else: somebody else may have changed the rest meanwhile. */
function changesOf(agent: Agent, fields: FormData): Changes {
  const textOf = (field: string): string => String(fields.get(field) ?? "");
  const lines = textOf("labels").replaceAll("\r", "");
  const interval = Number(textOf("interval"));
  const deadline = textOf("deadline") === "" ? null : Number(textOf("deadline"));
  return {
    ...textOf("name") === agent.name ? {} : { name: textOf("name") },
    ...lines === linesOf(agent.labels) ? {} : { labels: parseLabels(lines, /\n/) },
    ...interval === agent.heartbeat_interval_seconds ? {} : { heartbeat_interval_seconds: interval },
    ...deadline === agent.progress_deadline_seconds ? {} : { progress_deadline_seconds: deadline },
  };
}
