// The demo, on a database that was made before: its folder is the first argument.
import { join } from "node:path";
import { main } from "../../tools/demo.ts";

const [database = ""] = Deno.args;
Deno.exit(await main((data) => Deno.rename(database, join(data, "postgres"))));
