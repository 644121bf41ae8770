import { Buffer } from "node:buffer";
import { type Command, Option } from "@commander-js/extra-typings";
import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import type { HandshakeReply } from "../../api/agent.ts";
import { printable } from "../../terminal/printable.ts";
import { readSetup } from "../../identity/setup.ts";
import { parseObject } from "../../host/json.ts";
import { answer, answerJson, warn } from "../../terminal/output.ts";
import { giveUp } from "../../host/permissions.ts";
import type { Environment } from "../../host/paths.ts";
import { supportsOf } from "./_keeper.ts";
import { unwrap } from "./_outcome.ts";
import { type AgentFlags, agentOptions, jsonOption } from "./_options.ts";

interface Flags extends AgentFlags {
  printToken?: true;
  json?: true;
}

/** Adds `openclaw handshake`. */
export function addHandshake(program: Command, environment: Environment): void {
  const command = program.command("handshake")
    .description("shake hands once and say what came back")
    .addHelpText("after", "\nExample:\n  openclaw handshake --json\n");
  for (const option of [...agentOptions(), jsonOption()]) command.addOption(option);
  command.addOption(
    new Option(
      "--print-token",
      "print the session token, too: it is all that a heartbeat in the agent's name needs",
    ),
  )
    .action((flags: Flags) => shakeHands(flags, environment));
}

async function shakeHands({ printToken, json, ...flags }: Flags, environment: Environment): Promise<void> {
  const setup = await readSetup(flags, { environment, warn });
  const supports = await supportsOf(setup, environment);
  await giveUp("handshake");
  const greeting = unwrap((await greet(setup, describeProcess(supports))).outcome);
  const { agent, token, expiresIn, refreshIn, intervalSeconds } = greeting;
  if (json) {
    return answerJson({
      agent,
      expires_in: expiresIn,
      refresh_in: refreshIn,
      heartbeat_interval_seconds: intervalSeconds,
      kid: keyOf(greeting),
      ...(printToken ? { token } : {}),
    });
  }
  // Alone on stdout, so that a script needs no parsing.
  if (printToken) return answer(token);
  answer(`agent     ${agent.name} (${agent.id})`);
  answer(`session   good for ${expiresIn} s, to be renewed after ${refreshIn} s`);
  answer(`signed by ${keyOf(greeting) ?? "a key without a name"}`);
  answer(`heartbeat every ${intervalSeconds} s`);
}

/** The key id that the token's header names. Nothing is verified: that is the server's to do. */
export function keyOf({ token }: Pick<HandshakeReply, "token">): string | null {
  const header = token.slice(0, token.indexOf("."));
  // A text that is not base64url has nothing in it.
  const kid = parseObject(Buffer.from(header, "base64url").toString())?.kid;
  return typeof kid === "string" ? printable(kid) : null;
}
