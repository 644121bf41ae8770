import assert from "node:assert/strict";
import { placesOf } from "../../../cli/host/paths.ts";

const places: [string, typeof Deno.build.os, Record<string, string>, string, string][] = [
  [
    "Linux",
    "linux",
    { HOME: "/home/a" },
    "/home/a/.config/openclaw-agent/credentials.json",
    "/home/a/.local/state/openclaw-agent",
  ],
  [
    "Linux with XDG folders",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s" },
    "/c/openclaw-agent/credentials.json",
    "/s/openclaw-agent",
  ],
  [
    "Linux with XDG folders that are relative, and so are none",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "./s" },
    "/home/a/.config/openclaw-agent/credentials.json",
    "/home/a/.local/state/openclaw-agent",
  ],
  [
    "a systemd service",
    "linux",
    { HOME: "/", STATE_DIRECTORY: "/var/lib/openclaw-agent:/var/lib/other" },
    "/var/lib/openclaw-agent/credentials.json",
    "/var/lib/openclaw-agent",
  ],
  [
    "macOS",
    "darwin",
    { HOME: "/Users/a" },
    "/Users/a/Library/Application Support/openclaw-agent/credentials.json",
    "/Users/a/Library/Application Support/openclaw-agent",
  ],
  [
    "Windows",
    "windows",
    { USERPROFILE: "C:\\Users\\a", APPDATA: "C:\\Users\\a\\AppData\\Roaming" },
    "C:\\Users\\a\\AppData\\Roaming\\openclaw-agent\\credentials.json",
    "C:\\Users\\a\\AppData\\Roaming\\openclaw-agent",
  ],
];

for (const [name, os, environment, credentials, state] of places) {
  Deno.test(`${name} keeps credentials and session where it should`, () =>
    assert.deepEqual(placesOf(variables(environment), os), { credentials, state }));
}

function variables(all: Record<string, string>): (name: string) => string | undefined {
  return (name) => all[name];
}
