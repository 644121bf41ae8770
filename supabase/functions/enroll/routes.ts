import { type Endpoint, route } from "../_shared/http/routes.ts";
import { enroll } from "./enroll.ts";
import { recordProgress } from "./progress.ts";

export const endpoint: Endpoint = {
  name: "enroll",
  routes: [
    route("", { POST: enroll }),
    route("/progress", { POST: recordProgress }),
  ],
};
