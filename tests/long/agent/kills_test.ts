import {
  identityKills,
  killAtChange,
  killWhileCredentialsAreWritten,
  killWhileSessionsAreKept,
} from "../../_support/agent_kills.ts";
import { seededRandom, share } from "../../_support/seed.ts";

const credentials = "kill -9 in a loop while the credentials are written: there is always a whole file";
Deno.test(
  credentials,
  () => killWhileCredentialsAreWritten({ kills: share(50), random: seededRandom(credentials).next }),
);

const sessions = "killed again and again while it keeps its sessions → never a broken session file";
Deno.test(
  sessions,
  () => killWhileSessionsAreKept({ kills: share(50), random: seededRandom(sessions).next }),
);

const changes = "killed at each step of another identity, again and again → it always gets in";
Deno.test(changes, async () => {
  const { next } = seededRandom(changes);
  for (let kill = 0; kill < share(200); kill++) {
    const step = identityKills[kill % identityKills.length];
    if (step !== undefined) await killAtChange(step, 60 * next());
  }
});
