import type { Step } from "./steps.ts";

/** A step for a reader, with the whole text of a definition. */
export function showStep(step: Step): string {
  switch (step.do) {
    case "copy program":
      return `copy ${step.from} to ${step.to}`;
    case "write credentials":
      return `write the credentials to ${step.path}, for the service only to read`;
    case "write":
      return `write ${step.path}:\n${step.text.replace(/^/gm, "    ").trimEnd()}`;
    case "write manifest":
      return `write ${step.path}`;
    case "run":
      return `run ${step.words.join(" ")}`;
    case "announce return":
      return "tell the server that the agent will be back within two minutes";
    case "wait until gone":
      return `wait until this fails: ${step.words.join(" ")}`;
    case "remove":
      return `remove ${step.path}, if it is as it was installed`;
    case "remove link":
      return `remove ${step.path}, if it leads to ${step.to}`;
    case "make second name":
      return `make ${step.path}, a second name of ${step.program}`;
    case "remove second name":
      return `remove ${step.path}, if it is a second name of ${step.program}`;
    case "remove own files":
      return `remove this agent's own files in ${step.folder}, and the folder if nothing else is there`;
    case "remove manifest":
      return `remove ${step.path}`;
    case "remove empty folder":
      return `remove the folder ${step.path}, if it is empty`;
    case "remove leftovers":
      return `remove what an installation that was cut off has left beside ${step.path}`;
  }
}

/** A step without the text that it writes. */
export function outlineStep(step: Step): string {
  return showStep(step).split(":\n")[0] ?? "";
}
