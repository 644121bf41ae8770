import { templates } from "./templates.generated.ts";

/** A template of `installers/units` with each `@NAME@` replaced by the value of that name, as the installers do it. */
export function fill(name: keyof typeof templates, values: Record<string, string>): string {
  return templates[name].replace(/@([A-Z]+)@/g, (_, placeholder: string) => {
    const value = values[placeholder];
    if (value === undefined) {
      throw new Error(`Cannot fill in "${name}": there is no value for ${placeholder}`);
    }
    return value;
  });
}
