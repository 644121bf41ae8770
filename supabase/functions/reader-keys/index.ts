import { serveFunction } from "../_shared/edge.ts";
import { projectOperators } from "../_shared/operator.ts";
import { endpoint } from "./routes.ts";

await serveFunction(endpoint, projectOperators);
