import { type Language, languages, python, sh } from "../_support/installers.ts";
import { movedUnderway, plantedLinks, serversFolder } from "./services/_attacked.ts";
import { besideService, conflicts, namedService } from "./services/_beside.ts";
import { handedOver, handedOverEnrolled, killedHandOver } from "./services/_handed_over.ts";
import { launchdRestart, launchdService } from "./services/_launchd.ts";
import {
  announcedReturn,
  changedUnit,
  deafService,
  equalsSign,
  failingService,
  leftLink,
  noService,
  proxiedService,
  systemService,
  userService,
  watchedService,
} from "./services/_systemd.ts";
import { type Step, testSteps } from "./_steps.ts";
import { type Scene, withSystem } from "./services/_system.ts";

const tools = ["root", "unshare", "nsenter", "setpriv", "setsid", "python3", "dash", "curl"];

const scenes: [string, (scene: Scene) => Promise<void>][] = [
  ["installs, repairs and removes a service of the system", systemService],
  ["says when it starts a service again that the agent will be back", announcedReturn],
  ["undoes everything when the service does not start", failingService],
  ["replaces no unit that was changed, and believes no manifest that is not root's", changedUnit],
  ["hands over to a program, and undoes all when the program refuses", handedOver],
  ["hands over the agent that it got for a code, which outlives a program that refuses", handedOverEnrolled],
  ["killed while a program installs itself, can be run again, and removes all that it left", killedHandOver],
  ["takes no folder, unit or user of another program", conflicts],
  ["runs beside a service called openclaw, and leaves it as it is", besideService],
  ["calls everything by another name", namedService],
  ["keeps what the service watches until it is taken away", watchedService],
  ["gives no server's keys to the agent's user", serversFolder],
  ["follows no link that the service's user has put into its folder", plantedLinks],
  ["installs and removes a service of one user, whose home has an odd name", userService],
  ["installs and removes a service under launchd", launchdService],
  ["removes nothing while the service runs on, or cannot be asked", deafService],
  ["installs no service where none is wanted", noService],
  ["tells of a proxy that the service will not see before it starts it", proxiedService],
];

/** What concerns one of the languages alone, or is the same in the others by now. */
const scenesOfSh: typeof scenes = [
  ["waits until launchd has let go of the service before it starts it again", launchdRestart],
  ["removes the link that starts the service with the host", leftLink],
  ["refuses a home that env would take for a variable", equalsSign],
  ["is at no moment led elsewhere by the service's user", movedUnderway],
];

const shells = languages.filter(({ extension }) => extension === "sh");

function scenesOf(language: Language): typeof scenes {
  if (language === python) return scenes;
  if (language === sh) return [...scenes, ...scenesOfSh];
  return scenes.filter(([, work]) => [userService, deafService].includes(work));
}

const steps = [...shells, python].flatMap((language) =>
  scenesOf(language).map(([name, work]): Step => ({
    name: `${language.name} ${name}`,
    tools: [...tools, ...language.tools],
    work: ({ folder, ...given }) => withSystem(folder, (system) => work({ ...given, system, language })),
  }))
);

testSteps("the installers' services", steps);
