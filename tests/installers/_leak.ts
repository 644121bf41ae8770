import assert from "node:assert/strict";
import type { Host } from "../_support/installers.ts";
import { pause } from "../_support/wait.ts";
import { well, withFake } from "./_agents.ts";

/** An agent that has beaten often holds no more than one that has beaten for a part of that. */
export async function tellLeak(host: Host, beats: number): Promise<void> {
  await withFake(host, (one) => well(one, { beatIn: 1 }), async ({ until, agent }) => {
    const isDotNet = host.language.extension === "ps1";
    // .NET loads what it needs, and compiles it anew, during some 40 beats.
    await until(isDotNet ? beats * 3 / 4 : beats / 4);
    const early = await footprint(agent.pid);
    await until(beats + 1);
    const late = await footprint(agent.pid);
    const spare = isDotNet ? spareOfDotNet : { files: 0, kilobytes: 600 };
    assert.ok(late.files <= early.files + spare.files, `${early.files} open files became ${late.files}`);
    assert.ok(late.children <= 2, `${late.children} children`);
    const grown = late.kilobytes - early.kilobytes;
    assert.ok(grown < spare.kilobytes, `grew from ${early.kilobytes} to ${late.kilobytes} KB`);
  });
}

/**
 * What .NET may hold more: it opens its assemblies when it needs them, frees a connection's socket when it collects
 * garbage, and collects when it likes. A leak of a socket or of 100 KB a beat would be far more in 150 beats.
 */
const spareOfDotNet = { files: 20, kilobytes: 15_000 };

/** The least that it held of each in a second: what a command under way has open for a moment is no leak. */
async function footprint(pid: number): Promise<Footprint> {
  const least: Footprint = { kilobytes: Infinity, files: Infinity, children: Infinity };
  for (let sample = 0; sample < 20; sample++) {
    const { kilobytes, files, children } = await held(pid);
    least.kilobytes = Math.min(least.kilobytes, kilobytes);
    least.files = Math.min(least.files, files);
    least.children = Math.min(least.children, children);
    await pause(50);
  }
  return least;
}

interface Footprint {
  kilobytes: number;
  files: number;
  children: number;
}

async function held(pid: number): Promise<Footprint> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  return {
    kilobytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]),
    files: files.length,
    children: children.split(" ").filter((child) => child !== "").length,
  };
}
