// deno-lint-ignore-file no-console -- a benchmark prints
import { type Fleet, liveAsFleet, startsSeconds, type Traffic } from "./_fleet_life.ts";
import { succeed } from "../_support/run.ts";
import { row } from "./_numbers.ts";

// What a day of 1,000,000 agents sends to their server, with an outage of 20 minutes in it: by the client rules, in
// simulated time. In the hour after the outage, no second may have more than 1.5 times the usual requests. Chance alone
// has fewer than 100,000 agents exceed that now and then.
//
//   deno task bench:fleet [--agents 1000000] [--interval 60]

const mostPeakToMean = 1.5;
const hour = 3600;
const fleet: Fleet = {
  agents: flag("agents", 1_000_000),
  intervalSeconds: flag("interval", 60),
  sessionSeconds: 900,
  seconds: 24 * hour,
  outage: { from: 12 * hour, to: 12 * hour + 1200 },
};
/** All have started and been renewed a few times. */
const usual = { from: startsSeconds + hour, to: fleet.outage.from };
const after = { from: fleet.outage.to, to: fleet.outage.to + hour };

if (Deno.args.includes("--share")) console.log(JSON.stringify(liveAsFleet(fleet, Math.random)));
else await main();

async function main(): Promise<void> {
  const { beats, handshakes, failed } = await liveByAllProcessors();
  const requests = beats.map((count, second) => count + (handshakes[second] ?? 0));
  const kinds = { beats, handshakes, "both": requests };
  console.log(row(`${fleet.agents} agents, a second`, "mean", "peak", "peak after outage", "to mean"));
  for (const [kind, counts] of Object.entries(kinds)) {
    const mean = meanIn(counts, usual);
    const peaks = [peakIn(counts, usual), peakIn(counts, after)];
    const ratio = (peakIn(counts, after) / mean).toFixed(2);
    console.log(row(kind, mean.toFixed(0), ...peaks.map(String), ratio));
  }
  console.log(
    row(
      "tries during the outage",
      meanIn(failed, fleet.outage).toFixed(0),
      String(peakIn(failed, fleet.outage)),
    ),
  );
  const peakToMean = peakIn(requests, after) / meanIn(requests, usual);
  if (peakToMean <= mostPeakToMean) return;
  console.error(
    `The hour after the outage has ${
      peakToMean.toFixed(2)
    } times the mean, at most ${mostPeakToMean} is expected`,
  );
  Deno.exitCode = 1;
}

/** One process for each processor, and a share of the agents for each process. */
async function liveByAllProcessors(): Promise<Traffic> {
  const processes = navigator.hardwareConcurrency;
  const share = Math.ceil(fleet.agents / processes);
  const shares = await Promise.all(
    Array.from({ length: processes }, (_, index) => liveShare(Math.min(share, fleet.agents - index * share))),
  );
  const sum = (kind: keyof Traffic): number[] =>
    shares.map((one) => one[kind]).reduce((all, one) =>
      all.map((count, second) => count + (one[second] ?? 0))
    );
  return { beats: sum("beats"), handshakes: sum("handshakes"), failed: sum("failed") };
}

async function liveShare(agents: number): Promise<Traffic> {
  const own = ["--share", "--agents", String(agents), "--interval", String(fleet.intervalSeconds)];
  const { stdout } = await succeed(Deno.execPath(), ["run", "--quiet", import.meta.filename ?? "", ...own], {
    timeoutSeconds: 3600,
  });
  return JSON.parse(stdout);
}

function meanIn(counts: readonly number[], { from, to }: { from: number; to: number }): number {
  return counts.slice(from, to).reduce((sum, count) => sum + count, 0) / (to - from);
}

function peakIn(counts: readonly number[], { from, to }: { from: number; to: number }): number {
  return counts.slice(from, to).reduce((most, count) => Math.max(most, count), 0);
}

function flag(name: string, usual: number): number {
  const index = Deno.args.indexOf(`--${name}`);
  return index === -1 ? usual : Number(Deno.args[index + 1]);
}
