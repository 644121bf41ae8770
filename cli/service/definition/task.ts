import type { ServiceLayout } from "../layout.ts";
import { fill } from "./fill.ts";
import { templates } from "./templates.generated.ts";
import { windowsWord } from "./words.ts";
import { escapeXml, unescapeXml } from "./xml.ts";

/** Starts at its user's logon and, unless it runs already, every minute after; without a time limit. */
export function windowsTaskXml({ program, log, account }: ServiceLayout, options: string[]): string {
  return fill("task.xml", {
    COMMAND: escapeXml(program),
    SCRIPT: "",
    LOG: escapeXml(log ?? ""),
    OPTIONS: options.map((option) => ` ${escapeXml(windowsWord(option))}`).join(""),
    USER: escapeXml(account),
  });
}

/**
 * Whether a task that the scheduler knows, of which a machine has one, was made from the template. The scheduler keeps
 * it in a form of its own, so no hash can tell.
 */
export function isOurTask(xml: string): boolean {
  return description(xml) === description(templates["task.xml"]);
}

function description(xml: string): string | undefined {
  const content = /<Description>([^<]*)<\/Description>/.exec(xml)?.[1];
  return content === undefined ? undefined : unescapeXml(content);
}
