import { type Endpoint, route } from "../_shared/http/routes.ts";
import { createEnrollment } from "./create.ts";
import { listEnrollments } from "./list.ts";
import { revokeEnrollment } from "./revoke.ts";
import { showEnrollment } from "./show.ts";

export const endpoint: Endpoint = {
  name: "enrollments",
  routes: [
    route("", { GET: listEnrollments, POST: createEnrollment }),
    route("/:id", { GET: showEnrollment }),
    route("/:id/revoke", { POST: revokeEnrollment }),
  ],
};
