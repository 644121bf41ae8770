import assert from "node:assert/strict";
import { ContractError, type ErrorCode, errorReply } from "../../supabase/functions/_shared/http/errors.ts";
import { endpoints } from "../../supabase/functions/endpoints.ts";
import { exitCodes } from "../../cli/terminal/errors.ts";
import { agentsPerServer, billsOf } from "../../cli/commands/cost/_bill.ts";
import { machines, measured, plan, pricesOf, supabase as prices } from "../../cli/commands/cost/_figures.ts";
import { parseDuration } from "../../cli/host/duration.ts";
import { type Page, pageAt } from "./_pages.ts";

/** Its type is closed: a code that is missing here, or is too many, does not compile. */
const codes: Record<ErrorCode, true> = {
  invalid_request: true,
  invalid_credentials: true,
  operator_required: true,
  token_missing: true,
  token_invalid: true,
  token_expired: true,
  session_revoked: true,
  forbidden: true,
  not_found: true,
  method_not_allowed: true,
  conflict: true,
  payload_too_large: true,
  rate_limited: true,
  internal: true,
  unavailable: true,
};

Deno.test("CHANGELOG.md has every function of the first version", async () => {
  const { text } = await pageAt("CHANGELOG.md");
  const list = /^- Supabase Edge Functions ([^.]+), with their migrations\./m.exec(text)?.[1] ?? "";
  const named = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  assert.deepEqual(named.sort(), endpoints.map(({ name }) => name).sort());
});

Deno.test("docs/contract.md has every error code with its status and challenge, once, and no other", async () => {
  const documented = rowsOf(await pageAt("docs/contract.md"), "error").map(([code, status, header]) =>
    `${code} ${status}${header === "`www-authenticate`" ? " challenge" : ""}`
  );
  const known = codesOf(codes).map((code) => {
    const { status, headers } = errorReply(
      new ContractError(code, "Cannot do it: it is a test"),
      "request-1",
    );
    return `\`${code}\` ${status}${"www-authenticate" in headers ? " challenge" : ""}`;
  });
  assert.deepEqual(documented.sort(), known.sort());
});

Deno.test("docs/agent.md has every exit code once, and no other", async () => {
  const { text } = await pageAt("docs/agent.md");
  const [, after = ""] = text.split("\n## Exit codes\n");
  const [section = ""] = after.split("\n## ");
  const documented = Array.from(section.matchAll(/^- (\d+): /gm), ([, code]) => Number(code));
  assert.deepEqual(documented, Object.values(exitCodes));
});

Deno.test("docs/operating.md has the seconds that its formula gives", async () => {
  const rows = rowsOf(await pageAt("docs/operating.md"), "interval").map((row) =>
    row.map((cell) => parseFloat(cell))
  );
  assert.ok(rows.length > 0);
  for (const [interval = NaN, late, offline] of rows) {
    assert.deepEqual([late, offline], [(11 * interval + 150) / 10, 3 * interval + 15]);
  }
});

Deno.test("docs/operating.md has the costs that openclaw cost computes", async () => {
  const rows = rowsOf(await pageAt("docs/operating.md"), "agents");
  assert.ok(rows.length >= 6, String(rows.length));
  for (const [agents = "", interval = "", ...shown] of rows) {
    const fleet = {
      agents: numberIn(agents),
      intervalSeconds: parseDuration(interval.replace(" ", "")) ?? NaN,
    };
    const costs = billsOf(fleet).map(({ cost }) => Math.round(cost?.total ?? NaN));
    const servers = Math.ceil(fleet.agents / agentsPerServer(fleet.intervalSeconds));
    assert.deepEqual(shown.map(numberIn), [servers, ...costs], `${agents} agents`);
  }
});

Deno.test("docs/operating.md names every price and figure that the costs are computed from", async () => {
  const [, after = ""] = (await pageAt("docs/operating.md")).text.split("\n## What it costs\n");
  const [section = ""] = after.split("\n## ");
  const shown = new Set(
    (section.match(/\d[\d,.]*/g) ?? []).map((text) => parseFloat(text.replaceAll(",", ""))),
  );
  const known = [prices, machines, measured, plan].flatMap(numbersIn);
  const days = plan.monthSeconds / 86_400;
  assert.deepEqual(known.filter((one) => one !== plan.monthSeconds && !shown.has(one)), []);
  assert.ok(shown.has(days) && section.includes(pricesOf));
});

function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function numberIn(cell: string): number {
  return Number(cell.replaceAll(/[,$]/g, ""));
}

function codesOf<Code extends string>(record: Record<Code, true>): Code[] {
  const names: Code[] = [];
  for (const name in record) names.push(name);
  return names;
}

/** The cells of the table whose first heading is this one. */
function rowsOf({ text }: Page, heading: string): string[][] {
  const [, after = ""] = text.split(`\n| ${heading} |`);
  const [table = ""] = after.split("\n\n");
  return table.split("\n").slice(2).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}
