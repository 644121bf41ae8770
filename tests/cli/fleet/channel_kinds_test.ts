import assert from "node:assert/strict";
import { channelKinds, incidentKinds } from "../../../cli/fleet/channel_kinds.ts";
import { channelKinds as known } from "../../../supabase/functions/_shared/channels/kinds.ts";
import { incidentKinds as expected } from "../../../supabase/functions/_shared/incident_kinds.ts";

const migrations = new URL("../../../supabase/migrations/", import.meta.url);

Deno.test("the kinds of channels that a command takes are those that the server has", () => {
  assert.deepEqual(channelKinds.toSorted(), known.toSorted());
});

Deno.test("the kinds of incidents are the same in the commands, the server and its tables", async () => {
  assert.deepEqual(incidentKinds, expected);
  for (const name of ["20261123103500_openclaw_incidents", "20261123103600_openclaw_channels"]) {
    const sql = await Deno.readTextFile(new URL(`${name}.sql`, migrations));
    const [, list = ""] = /kinds? (?:in \(|<@ array\[)('offline'[^)\]]*)[)\]]/.exec(sql) ?? [];
    assert.deepEqual([...list.matchAll(/'(\w+)'/g)].map(([, kind]) => kind), [...expected], name);
  }
});
