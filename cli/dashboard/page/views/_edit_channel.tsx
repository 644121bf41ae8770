import type { VNode } from "preact";
import { useState } from "preact/hooks";
import {
  type ChannelKind,
  channelKinds,
  channelSettings,
  incidentKinds,
  type Setting,
} from "../../../fleet/channel_kinds.ts";
import { durationText } from "../../../terminal/duration.ts";
import { Dialog } from "./_dialog.tsx";
import { linesOf, parseLabels } from "./_labels.ts";
import { Select } from "./_select.tsx";
import { act, tell } from "./_use.ts";

export interface Channel {
  id: string;
  name: string;
  kind: string;
  settings: Record<string, string>;
  labels: Record<string, string>;
  kinds: string[];
  after_seconds: number;
  remind_after_seconds: number | null;
  enabled: boolean;
}

const waits = [
  ["at once", 0],
  ["after a minute", 60],
  ["after 5 minutes", 300],
  ["after an hour", 3600],
] as const;
const reminders = [
  ["never", 0],
  ["every hour", 3600],
  ["every 4 hours", 14_400],
  ["every day", 86_400],
] as const;

/** Adds a channel, or edits one. @param onMade is given a webhook's secret, which is shown once */
export function EditChannel(
  { channel, onLeave, onMade }: {
    channel: Channel | null;
    onLeave: () => void;
    onMade?: (secret: string | null) => void;
  },
): VNode {
  const [chosen, choose] = useState<ChannelKind>("webhook");
  const kind = channelKinds.find((known) => known === channel?.kind) ?? chosen;
  const settings: readonly Setting[] = channelSettings[kind];
  const save = async (fields: FormData): Promise<void> => {
    const changes = changesOf(channel, settings, fields);
    if (channel !== null) {
      if (Object.keys(changes).length > 0) {
        await act(`channels/${channel.id}`, changes, "PATCH");
      }
      return tell(`Edited ${changes.name ?? channel.name}`);
    }
    const made = await act<{ signing_secret: string | null }>("channels", {
      kind,
      ...changes,
    });
    onMade?.(made.signing_secret);
    tell(`Added ${changes.name}`);
  };
  return (
    <Dialog
      title={channel === null ? "Add a channel" : `Edit ${channel.name}`}
      verb={channel === null ? "Add" : "Save"}
      onLeave={onLeave}
      perform={save}
    >
      <label>
        Name{" "}
        <input
          name="name"
          maxLength={200}
          required
          defaultValue={channel?.name ?? ""}
        />
      </label>
      {channel === null && (
        <label>
          Kind{" "}
          <select
            onChange={({ currentTarget: { value } }) =>
              choose(channelKinds.find((known) => known === value) ?? kind)}
          >
            {channelKinds.map((name) => (
              <option key={name} value={name} selected={name === kind}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      {settings.map((setting) => <SettingField key={setting.name} setting={setting} channel={channel} />)}
      <div class="pair">
        <Select
          label="Told of an incident"
          name="after"
          options={withOwn(waits, channel?.after_seconds ?? 0, "after")}
          chosen={channel?.after_seconds ?? 0}
        />
        <Select
          label="Reminded until acknowledged"
          name="remind"
          options={withOwn(reminders, channel?.remind_after_seconds ?? 0, "every")}
          chosen={channel?.remind_after_seconds ?? 0}
        />
      </div>
      <fieldset>
        <legend>Of which incidents</legend>
        <div class="checks">
          {incidentKinds.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                name="kinds"
                value={name}
                defaultChecked={channel?.kinds.includes(name) ?? true}
              />
              {name}
            </label>
          ))}
        </div>
      </fieldset>
      <label>
        Only with an agent of these labels, one a line
        <textarea
          name="labels"
          rows={2}
          spellcheck={false}
          defaultValue={linesOf(channel?.labels ?? {})}
        />
      </label>
      {channel !== null && (
        <label class="check">
          <input
            type="checkbox"
            name="enabled"
            defaultChecked={channel.enabled}
          />
          Switched on: what waits for a channel that is off fails
        </label>
      )}
    </Dialog>
  );
}

/** Only what is open is read back. An empty field leaves what is secret as it is. */
function SettingField(
  { setting: { name, open, optional }, channel }: {
    setting: Setting;
    channel: Channel | null;
  },
): VNode {
  const field = {
    name: `setting ${name}`,
    autocomplete: "off",
    required: channel === null && !optional,
    placeholder: channel === null || open ? "" : "as it is",
    defaultValue: open ? channel?.settings[name] ?? "" : "",
  };
  return (
    <label>
      {`${titleOf(name)}${optional ? ", may be left out" : ""}`}
      {open || name === "url" ? <input {...field} type="text" /> : <input {...field} type="password" />}
    </label>
  );
}

type Changes = Partial<Omit<Channel, "id" | "kind">>;

/** What is not as it was. A secret that was not typed stays what it is. */
function changesOf(channel: Channel | null, settings: readonly Setting[], fields: FormData): Changes {
  const textOf = (field: string): string => String(fields.get(field) ?? "");
  const given = Object.fromEntries(
    settings.map(({ name }) => [name, textOf(`setting ${name}`)]).filter(([, value]) => value !== ""),
  );
  const remind = Number(textOf("remind"));
  const all: Required<Changes> = {
    name: textOf("name"),
    settings: given,
    labels: parseLabels(textOf("labels"), /\r?\n/),
    kinds: fields.getAll("kinds").map(String),
    after_seconds: Number(textOf("after")),
    remind_after_seconds: remind === 0 ? null : remind,
    enabled: channel === null || fields.has("enabled"),
  };
  const before: Changes = channel === null ? {} : { ...channel, settings: openOf(channel, settings) };
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => {
      const known = before[name as keyof Changes];
      return JSON.stringify(known) !== JSON.stringify(value);
    }),
  );
}

/** Of its settings, what stands in the fields before anything is typed. */
function openOf({ settings }: Channel, known: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(
    known.flatMap(({ name, open }) => open && settings[name] !== undefined ? [[name, settings[name]]] : []),
  );
}

/** The choices, and what the channel has where that is none of them. */
function withOwn(
  options: readonly (readonly [string, number])[],
  own: number,
  word: string,
): readonly (readonly [string, number])[] {
  return options.some(([, value]) => value === own)
    ? options
    : [...options, [`${word} ${durationText(own)}`, own]];
}

function titleOf(name: string): string {
  return name === "url"
    ? "Address (URL)"
    : `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("_", " ")}`;
}
