import { type Endpoint, route } from "../_shared/http/routes.ts";
import { createReaderKey } from "./create.ts";
import { listReaderKeys } from "./list.ts";
import { revokeReaderKey } from "./revoke.ts";

export const endpoint: Endpoint = {
  name: "reader-keys",
  routes: [
    route("", { GET: listReaderKeys, POST: createReaderKey }),
    route("/:id", { DELETE: revokeReaderKey }),
  ],
};
