import { type Endpoint, route } from "../_shared/http/routes.ts";
import { adoptCopy, revokeCopy } from "./copies.ts";
import { requestRotation } from "./request_rotation.ts";
import { revokeAgent } from "./revoke.ts";
import { rotateSecret } from "./rotate_secret.ts";
import { showAgent } from "./show.ts";

export const endpoint: Endpoint = {
  name: "agents",
  routes: [
    route("/:id", { GET: showAgent }),
    route("/:id/revoke", { POST: revokeAgent }),
    route("/:id/rotate-secret", { POST: rotateSecret }),
    route("/:id/request-rotation", { POST: requestRotation }),
    route("/:id/adopt", { POST: adoptCopy }),
    route("/:id/revoke-copy", { POST: revokeCopy }),
  ],
};
