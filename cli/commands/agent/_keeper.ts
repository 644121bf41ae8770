import { abilities, Keeper } from "../../agent/keeper.ts";
import type { LiveSetup } from "../../agent/reload.ts";
import type { Client, Limits } from "../../api/agent.ts";
import type { Environment } from "../../host/paths.ts";
import { makeReplaceableCheck } from "../../identity/replaceable.ts";
import type { Setup } from "../../identity/setup.ts";

/** What keeps a running agent's identity. Has to be made before the program gives up any right. */
export async function makeKeeper(
  current: LiveSetup,
  { environment, process, warn }: {
    environment: Environment;
    process: Client & Pick<Limits, "timeoutMs">;
    warn: (text: string) => void;
  },
): Promise<Keeper> {
  const unreplaceable = await makeReplaceableCheck(current.setup, environment);
  return new Keeper({ current, process, unreplaceable, warn });
}

/** What a single handshake says that this host can do: the same as that of its monitor. */
export async function supportsOf(
  setup: Pick<Setup, "identity" | "places">,
  environment: Environment,
): Promise<readonly string[]> {
  const unreplaceable = await makeReplaceableCheck(setup, environment);
  return await unreplaceable(setup) === null ? abilities : [];
}
