import { serveFunction } from "../_shared/edge.ts";
import { endpoint } from "./routes.ts";

await serveFunction(endpoint);
