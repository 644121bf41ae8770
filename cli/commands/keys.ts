import type { Command } from "@commander-js/extra-typings";
import { generateSigningKey } from "../../supabase/functions/_shared/keys.ts";
import { answer } from "../terminal/output.ts";
import { giveUp } from "../host/permissions.ts";

/** Adds `openclaw keys generate`: a JWK Set for `AGENT_JWT_KEYS`. */
export function addKeys(program: Command): void {
  program.command("keys")
    .description("make the keys that sign sessions")
    .addHelpText("after", "\nExample:\n  openclaw keys generate\n")
    .command("generate")
    .description("print a new private JWK Set for AGENT_JWT_KEYS, on one line")
    .addHelpText("after", "\nExample:\n  (umask 077; openclaw keys generate > jwt-keys.json)\n")
    .action(async () => {
      await giveUp("keys");
      answer(JSON.stringify({ keys: [await generateSigningKey()] }));
    });
}
