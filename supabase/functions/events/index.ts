import { serveFunction } from "../_shared/edge.ts";
import { projectOperators } from "../_shared/operator.ts";
import { endpoint } from "./handler.ts";

await serveFunction(endpoint, projectOperators);
