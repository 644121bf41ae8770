import { type Endpoint, route } from "../_shared/http/routes.ts";
import { revokeAgent } from "./revoke.ts";
import { showAgent } from "./show.ts";

export const endpoint: Endpoint = {
  name: "agents",
  routes: [
    route("/:id", { GET: showAgent }),
    route("/:id/revoke", { POST: revokeAgent }),
  ],
};
