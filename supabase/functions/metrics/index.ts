import { serveFunction } from "../_shared/edge.ts";
import { endpoint } from "./handler.ts";

await serveFunction(endpoint);
