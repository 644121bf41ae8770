import { type Command, Option } from "@commander-js/extra-typings";
import { describeProcess } from "../../agent/agent.ts";
import { greet } from "../../agent/greet.ts";
import { abilities } from "../../agent/keeper.ts";
import { exists } from "../../host/private_file.ts";
import { type Environment, placesHere } from "../../host/paths.ts";
import { giveUp } from "../../host/permissions.ts";
import { enrollmentIdPath, forgetEnrollmentId, readCode } from "../../identity/enrollment.ts";
import { type ConnectionFlags, readConnection, readSetup, type Setup } from "../../identity/setup.ts";
import { calledAs } from "../../terminal/called.ts";
import { CliError } from "../../terminal/errors.ts";
import { answerJson, say, warn } from "../../terminal/output.ts";
import { assertLastingPlace, enrollHost, isEnrolled } from "./_enroll.ts";
import { connectionOptions, jsonOption } from "./_options.ts";
import { unwrap } from "./_outcome.ts";

interface Flags extends ConnectionFlags {
  codeFile?: string;
  json?: true;
}

const example = `
Examples:
  openclaw enroll --url https://fleet.example.com --code-file code.txt
  printenv FLEET_CODE | openclaw enroll --url https://fleet.example.com --code-file -
`;

/** Adds `openclaw enroll`: an agent of this host's own, in exchange for a code. */
export function addEnroll(program: Command, environment: Environment): void {
  const command = program.command("enroll")
    .description("exchange an enrollment code for an agent of this host's own, and keep its credentials")
    .addHelpText("after", example);
  for (const option of connectionOptions()) command.addOption(option);
  command.addOption(
    new Option("--code-file <file>", "the code, - for stdin (env: OPENCLAW_ENROLLMENT_CODE, …_FILE)"),
  )
    .addOption(jsonOption())
    .action((flags: Flags) => enrollCommand(flags, environment));
}

async function enrollCommand({ codeFile, json, ...flags }: Flags, environment: Environment): Promise<void> {
  const places = await placesHere(environment);
  const isNew = !await isEnrolled(flags, environment);
  if (isNew) {
    const code = await readCode(codeFile, environment, warn) ?? missing();
    const connection = await readConnection(flags, environment, null);
    await assertLastingPlace(places, environment);
    await giveUp("enroll");
    const outcome = await enrollHost(code, { connection, places, process: describeProcess(abilities) });
    const isCodeRefused = outcome.kind === "refused" && outcome.code === "invalid_credentials";
    if (outcome.kind !== "already") {
      unwrap(outcome, isCodeRefused ? "ask the operator of the server for another code" : undefined);
    }
  } else if (!json) say("this host is enrolled already: the enrollment code is not used");
  // One that was cut off before its first handshake is brought to its end.
  const isOpen = isNew || await exists(enrollmentIdPath(places));
  const setup = isOpen ? await readSetup(flags, { environment, warn }) : null;
  await giveUp("enroll");
  const name = setup === null ? null : await shakeHands(setup);
  if (json) return answerJson({ enrolled: isNew, path: places.credentials, accepted: name !== null });
  if (isNew) say(`wrote ${places.credentials}`);
  if (name !== null) say(`the server accepted this host as agent "${name}"`);
}

/** The agent's name; null when the server was not reached, which the monitor will try again. */
async function shakeHands(setup: Setup): Promise<string | null> {
  const { outcome } = await greet(setup, describeProcess(abilities));
  if (outcome.kind === "outage") {
    warn(`did not reach the server: ${outcome.reason}; try again with: ${calledAs} enroll`);
    return null;
  }
  const { agent } = unwrap(outcome);
  await forgetEnrollmentId(setup.places);
  return agent.name;
}

function missing(): never {
  throw new CliError("usage", "Cannot enroll: there is no enrollment code", {
    hint: "openclaw enroll --url https://fleet.example.com --code-file -",
  });
}
