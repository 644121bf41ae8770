import type { Option } from "@commander-js/extra-typings";
import type { ConnectionFlags } from "../../identity/setup.ts";
import { connectionOptions, jsonOption } from "../agent/_options.ts";

/** What every command of an operator may be told. There is no flag for the key: it would be visible in ps. */
export type OperatorFlags = ConnectionFlags & { json?: true | undefined };

/** The way to the server, and `--json`. */
export function operatorOptions(): Option[] {
  return [...connectionOptions(), jsonOption()];
}
