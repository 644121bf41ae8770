import assert from "node:assert/strict";
import { placesOf } from "../../../cli/host/paths.ts";

const places: [string, typeof Deno.build.os, Record<string, string>, string, string][] = [
  [
    "Linux",
    "linux",
    { HOME: "/home/a" },
    "/home/a/.config/openclaw/credentials.json",
    "/home/a/.local/state/openclaw",
  ],
  [
    "Linux with XDG folders",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s" },
    "/c/openclaw/credentials.json",
    "/s/openclaw",
  ],
  [
    "Linux with XDG folders that are relative, and so are none",
    "linux",
    { HOME: "/home/a", XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "./s" },
    "/home/a/.config/openclaw/credentials.json",
    "/home/a/.local/state/openclaw",
  ],
  [
    "a systemd service",
    "linux",
    { HOME: "/", STATE_DIRECTORY: "/var/lib/openclaw:/var/lib/other" },
    "/var/lib/openclaw/credentials.json",
    "/var/lib/openclaw",
  ],
  [
    "macOS",
    "darwin",
    { HOME: "/Users/a" },
    "/Users/a/Library/Application Support/openclaw/credentials.json",
    "/Users/a/Library/Application Support/openclaw",
  ],
  [
    "Windows",
    "windows",
    { USERPROFILE: "C:\\Users\\a", APPDATA: "C:\\Users\\a\\AppData\\Roaming" },
    "C:\\Users\\a\\AppData\\Roaming\\openclaw\\credentials.json",
    "C:\\Users\\a\\AppData\\Roaming\\openclaw",
  ],
];

for (const [name, os, environment, credentials, state] of places) {
  Deno.test(`${name} keeps credentials and session where it should`, () =>
    assert.deepEqual(placesOf(variables(environment), os), { credentials, state }));
}

function variables(all: Record<string, string>): (name: string) => string | undefined {
  return (name) => all[name];
}
