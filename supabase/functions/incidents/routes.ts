import { type Endpoint, route } from "../_shared/http/routes.ts";
import { acknowledgeIncident } from "./acknowledge.ts";
import { listIncidents } from "./list.ts";
import { showIncident } from "./show.ts";

export const endpoint: Endpoint = {
  name: "incidents",
  routes: [
    route("", { GET: listIncidents }),
    route("/:id", { GET: showIncident }),
    route("/:id/acknowledge", { POST: acknowledgeIncident }),
  ],
};
