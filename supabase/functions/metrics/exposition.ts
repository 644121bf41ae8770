/** Numbers of one name, as Prometheus knows them. */
export interface Family {
  name: string;
  /** One sentence, without a period. */
  help: string;
  type: "counter" | "gauge" | "histogram";
  samples: readonly Sample[];
}

export interface Sample {
  /** What a histogram's samples have behind the name: `_bucket`, `_sum`, `_count`. */
  suffix?: string;
  labels?: Readonly<Record<string, string>>;
  value: number;
}

export const contentType = "text/plain; version=0.0.4; charset=utf-8";

/** The families in Prometheus's text format, version 0.0.4. */
export function exposition(families: readonly Family[]): string {
  return families.map(({ name, help, type, samples }) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${
      samples.map((sample) => lineOf(name, sample)).join("")
    }`
  ).join("");
}

function lineOf(name: string, { suffix = "", labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

/** As the format has it: a backslash, a quote and a newline behind a backslash. */
function escape(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}
