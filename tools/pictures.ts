import { fileURLToPath } from "node:url";
import { startBrowser } from "../tests/_support/browser.ts";
import { operatorKey, serverTime, startFakeFleet } from "../tests/_support/fake_fleet.ts";
import { sickFleet, startFakePage } from "../tests/_support/fake_page.ts";
import { atTerminal } from "../tests/_support/pty.ts";
import { showingOf } from "../tests/_support/screen.ts";
import { temporaryFolder } from "../tests/_support/server.ts";

const folder = new URL("../docs/pictures/", import.meta.url);
const at = (seconds: number): string => new Date(Date.parse(serverTime) - seconds * 1000).toISOString();
const agents = sickFleet();
const sick = agents.find(({ status }) => status === "unhealthy");
if (sick === undefined) throw new Error("Nobody is sick");

const delivery = {
  id: "1",
  channel_name: "ops-slack",
  type: "incident.opened",
  state: "delivered",
  attempts: 1,
  last_answer: "200 ok",
  created_at: at(2000),
  delivered_at: at(1999),
};
const incident = {
  id: "00000000-0000-4000-8000-0000000000aa",
  kind: "offline",
  opened_at: at(2030),
  closed_at: null,
  agents_count: 2,
  agents: [],
  labels: { role: "api" },
  reason: "version 0.1.0; network 192.0.2.0/24",
  changes_count: 0,
  acknowledged_at: null,
  acknowledged_by: null,
  deliveries: [delivery, {
    ...delivery,
    id: "2",
    channel_name: "pager",
    attempts: 3,
    delivered_at: null,
    last_answer: "503 busy",
  }],
};
const history = {
  buckets: Array.from({ length: 96 }, (_, index) => ({
    at: at(86_400 - index * 900),
    beats: index > 40 && index < 44 ? 0 : index === 44 ? 7 : 15,
    expected: 15,
    worst_status: index > 92 ? "unhealthy" : index === 30 ? "degraded" : "healthy",
    metrics: index > 40 && index < 44 ? {} : {
      cpu_percent: [5 + index % 7, 26 + 14 * Math.sin(index / 9), 60 + 20 * Math.sin(index / 5)],
      disk_percent: [81 + index / 6, 81 + index / 6, 81 + index / 6],
    },
  })),
  gaps: [{ from: at(86_400 - 41 * 900), to: at(86_400 - 44.5 * 900), reason: "network", detail: {} }],
};
const events = [
  { id: 3, kind: "unhealthy", at: at(620), actor: "server", address: null },
  { id: 2, kind: "secret_rotated", at: at(40_000), actor: "agent", address: "192.0.2.9" },
  { id: 1, kind: "enrolled", at: at(900_000), actor: "enrollment", address: "192.0.2.9" },
];

const pictures = [
  { name: "overview", path: "?group=site", height: 940 },
  { name: "overview-dark", path: "?group=site", height: 940, colorScheme: "dark" },
  { name: "agent", path: `#/agents/${sick.id}`, height: 860 },
  { name: "phone", path: "", width: 375, height: 760, deviceScaleFactor: 1.5 },
] as const;

await using page = startFakePage({
  agents,
  incidents: [incident],
  api: {
    [`agents/${sick.id}/history`]: () => history,
    [`agents/${sick.id}/events`]: () => ({ events, server_time: serverTime }),
  },
});
await using browser = await startBrowser();
await Deno.mkdir(folder, { recursive: true });
for (const { name, path, height, ...options } of pictures) {
  const { width = 1280, ...rest } = { width: 1280, ...options };
  const context = await browser.newContext({ viewport: { width, height }, timezoneId: "UTC", ...rest });
  const view = await context.newPage();
  await view.goto(page.url + path);
  if (name === "agent") {
    await view.locator("summary").click();
    await view.locator(".uplot canvas").first().waitFor();
  } else await view.locator("canvas[style*=height]").waitFor();
  await view.screenshot({ path: new URL(`${name}.png`, folder).pathname });
  await context.close();
}

await pictureOfTop();

/** What `openclaw top` shows on a terminal, its cells drawn by the browser. */
async function pictureOfTop(): Promise<void> {
  const [columns, rows] = [96, 32];
  const ranks = ["offline", "stalled", "late", "online"];
  const rankOf = ({ liveness }: { liveness: string }): number => (ranks.indexOf(liveness) + 5) % 5;
  using fleet = startFakeFleet([...agents].sort((one, other) => rankOf(one) - rankOf(other)), {
    incidents: [incident],
  });
  await using home = await temporaryFolder();
  const program = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
  const command = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--allow-all",
    program,
    "top",
    "sort=trouble",
    "--group",
    "site",
  ];
  const env = {
    OPENCLAW_URL: fleet.url,
    OPENCLAW_OPERATOR_KEY: operatorKey,
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
  };
  const steps: ["wait" | "type", string][] = [["wait", "Updated"], ["type", "q"]];
  const { text } = await atTerminal(command, { home: home.path, columns, rows, steps, env });
  const { lines, paints } = showingOf(text.slice(0, text.lastIndexOf("\u001b[?1049l")));
  const context = await browser.newContext({ viewport: { width: 860, height: 620 }, deviceScaleFactor: 1.5 });
  const view = await context.newPage();
  await view.setContent(terminalHtml(lines, paints));
  await view.locator("pre").screenshot({ path: new URL("top.png", folder).pathname });
  await context.close();
}

function terminalHtml(lines: readonly string[], paints: readonly (readonly (readonly string[])[])[]): string {
  const colors: Record<string, string> = {
    "31": "#ff7a66",
    "32": "#5fb592",
    "33": "#f0b04a",
    "90": "#8a9098",
  };
  const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const styleOf = (paint: readonly string[]): string => {
    const color = paint.map((number) => colors[number]).find((one) => one !== undefined) ?? "#dcdcd8";
    const [ink, paper] = paint.includes("7") ? ["#131517", color] : [color, "transparent"];
    return `color:${ink};background:${paper};font-weight:${paint.includes("1") ? 700 : 400}`;
  };
  const rows = lines.map((line, row) => {
    const runs: { style: string; text: string }[] = [];
    [...line].forEach((cell, column) => {
      const style = styleOf(paints[row]?.[column] ?? []);
      const last = runs.at(-1);
      if (last?.style === style) last.text += cell;
      else runs.push({ style, text: cell });
    });
    return runs.map(({ style, text }) => `<i style="${style}">${escaped(text)}</i>`).join("");
  });
  return `<style>pre { margin: 0; padding: 18px 22px; background: #131517; border-radius: 10px;
    font: 13px/1.35 "DejaVu Sans Mono", monospace } i { font-style: normal } body { margin: 0 }</style>
    <pre>${rows.join("\n")}</pre>`;
}
