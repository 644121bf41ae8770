import { type Endpoint, route } from "../_shared/http/routes.ts";
import { act } from "./act.ts";
import { deleteAgent } from "./delete.ts";
import { editAgent } from "./edit.ts";
import { listAgentEvents } from "./events.ts";
import { listAgents } from "./list.ts";
import { showAgent } from "./show.ts";

export const endpoint: Endpoint = {
  name: "agents",
  routes: [
    route("", { GET: listAgents }),
    route("/:id", { GET: showAgent, PATCH: editAgent, DELETE: deleteAgent }),
    route("/:id/revoke", { POST: act("revoke") }),
    route("/:id/restore", { POST: act("restore") }),
    route("/:id/end-sessions", { POST: act("endSessions") }),
    route("/:id/events", { GET: listAgentEvents }),
  ],
};
