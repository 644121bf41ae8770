import { type Endpoint, route } from "../_shared/http/routes.ts";
import { act } from "./act.ts";
import { adoptCopy, revokeCopy } from "./copies.ts";
import { deleteAgent } from "./delete.ts";
import { editAgent } from "./edit.ts";
import { listAgentEvents } from "./events.ts";
import { showHistory } from "./history.ts";
import { listAgents } from "./list.ts";
import { mapAgents, mapChanges } from "./map.ts";
import { requestRotation } from "./request_rotation.ts";
import { rotateSecret } from "./rotate_secret.ts";
import { showAgent } from "./show.ts";

export const endpoint: Endpoint = {
  name: "agents",
  routes: [
    route("", { GET: listAgents }),
    route("/map", { GET: mapAgents }),
    route("/map/changes", { GET: mapChanges }),
    route("/:id", { GET: showAgent, PATCH: editAgent, DELETE: deleteAgent }),
    route("/:id/revoke", { POST: act("revoke") }),
    route("/:id/restore", { POST: act("restore") }),
    route("/:id/end-sessions", { POST: act("endSessions") }),
    route("/:id/events", { GET: listAgentEvents }),
    route("/:id/history", { GET: showHistory }),
    route("/:id/rotate-secret", { POST: rotateSecret }),
    route("/:id/request-rotation", { POST: requestRotation }),
    route("/:id/adopt", { POST: adoptCopy }),
    route("/:id/revoke-copy", { POST: revokeCopy }),
  ],
};
