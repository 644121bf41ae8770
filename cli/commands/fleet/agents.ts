import type { Command } from "@commander-js/extra-typings";
import type { Environment } from "../../host/paths.ts";
import { addActs } from "./agents/acts.ts";
import { addCopies } from "./agents/copies.ts";
import { addCreate } from "./agents/create.ts";
import { addEdit } from "./agents/edit.ts";
import { addEvents } from "./agents/events.ts";
import { addHistory } from "./agents/history.ts";
import { addMute } from "./agents/mute.ts";
import { addRotate } from "./agents/rotate.ts";
import { addShow } from "./agents/show.ts";

const example = `
An agent is named by its name or its id. Where several have the name, a terminal asks which one is meant.

Examples:
  openclaw agents create web-1
  openclaw agents show web-1
  openclaw agents revoke --label role:web
`;

/** Adds `openclaw agents`: making agents, and acting on one or many of them. */
export function addAgents(program: Command, environment: Environment): void {
  const agents = program.command("agents")
    .description("make agents, and act on them: rotate, revoke, restore, mute, delete")
    .addHelpText("after", example);
  for (
    const add of [addCreate, addShow, addEdit, addRotate, addActs, addMute, addCopies, addEvents, addHistory]
  ) {
    add(agents, environment);
  }
}
