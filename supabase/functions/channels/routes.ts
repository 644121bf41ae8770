import { type Endpoint, route } from "../_shared/http/routes.ts";
import { createChannel } from "./create.ts";
import { editChannel } from "./edit.ts";
import { listChannels } from "./list.ts";
import { removeChannel } from "./remove.ts";
import { showChannel } from "./show.ts";
import { testChannel } from "./test.ts";

export const endpoint: Endpoint = {
  name: "channels",
  routes: [
    route("", { GET: listChannels, POST: createChannel }),
    route("/:id", { GET: showChannel, PATCH: editChannel, DELETE: removeChannel }),
    route("/:id/test", { POST: testChannel }),
  ],
};
