import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { version } from "../../supabase/functions/_shared/version.ts";
import { installPy, languages, run } from "../_support/installers.ts";
import { isInstalled, testWith } from "../_support/tools.ts";

const source = (name: string): string => fileURLToPath(new URL(`../../installers/${name}`, import.meta.url));
const [agentSh, agentPy] = [source("agents/agent.sh"), source("agents/agent.py")];
const inSh = await Deno.readTextFile(source("install.sh")) + await Deno.readTextFile(agentSh);

testWith(["shellcheck"], "shellcheck finds nothing in install.sh, nor in the agent in it", async () => {
  const { code, stdout, stderr } = await run([
    "shellcheck",
    "--shell=sh",
    source("install.sh"),
    agentSh,
  ]);
  assert.equal(code, 0, stdout + stderr);
});

Deno.test("every exception from shellcheck in install.sh has its reason", () => {
  const directives = inSh.match(/^# shellcheck disable=.*$|^ +# shellcheck disable=.*$/gm) ?? [];
  assert.ok(directives.length > 0);
  for (const directive of directives) assert.match(directive, /disable=[SC\d,]+ # .{15,}$/);
});

/** What bash 3.2, a POSIX shell, BSD's tools or an old curl do not have. */
const lacking: [string, RegExp][] = [
  ["case conversion in a parameter", /\$\{\w+(\^\^?|,,?)\}/],
  ["substitution in a parameter", /\$\{\w+\/[^}]*\}/],
  ["substrings by number", /\$\{\w+:\d/],
  ["indirection", /\$\{!/],
  ["[[", /(^|[;&|]\s*|\bif )\[\[ /m],
  ["((", /(^|[;&|]\s*)\(\(/m],
  ["arrays", /^\s*\w+=\(|\bdeclare\b|\btypeset\b|\bmapfile\b|\breadarray\b/m],
  ["local", /^\s*local\s/m],
  ["the function keyword", /^ {0,2}function\s/m],
  ["source", /^\s*source\s/m],
  ["here-strings and process substitution", /<<<|<\(|>\(/],
  ["$'…'", /\$'[^']*\\/],
  ["&> and |&", /&>|\|&/],
  ["echo with options or escapes", /\becho -[ne]\b|\becho "[^"]*\\n/],
  ["read with options but -r", /\bread -[^r\s]|\bread -r\w/],
  ["set -o pipefail", /pipefail/],
  ["trap on ERR, DEBUG, EXIT", /\btrap\b.*\b(ERR|DEBUG|EXIT)\b/],
  ["the printf formats %q and %(…)T, and -v", /%q|%\(|printf -v/],
  ["grep -P, -o, -E", /\bgrep\b[^|\n]* -\w*[PoE]/],
  ["date with %N or -d", /\bdate\b[^|\n)]*(%N| -d)/],
  ["sed -i, -r, -E", /\bsed\b[^|\n']* -[irEs]\w*\b/],
  ["\\n, \\t, + and ? in a sed pattern of POSIX", /\bsed 's[^']*\\[nt+?|]/],
  ["readlink -f, realpath, mktemp --", /readlink|realpath|mktemp/],
  ["stat, whose options differ", /\$\(stat |\bstat -/],
  ["cp -a, cp -r", /\bcp -[^p]/],
  [
    "long options of other tools than curl, sha and systemd",
    /(^|[|;&(]) *(rm|mv|cp|mkdir|chmod|chown|ls|cat|cut|tr|head|sort|id|od) [^|;\n]*--[a-z]/m,
  ],
  ["head -c, head -1", /\bhead -(c|\d)/],
  ["sleep with a fraction", /\bsleep [\d$"{}a-z]*\.\d/],
  [
    "seq, tac, nproc, base64, xxd, hexdump, pgrep",
    /\$\((seq|tac|nproc|base64|xxd|hexdump|pgrep)\b|\| *(seq|tac|base64|xxd|hexdump)\b/,
  ],
  ["intervals in an awk pattern, which an old mawk does not know", /~ \/[^/\n]*\{\d/],
  ["gensub, strftime, systime, length of an array", /\b(gensub|strftime|systime|asort)\b/],
  [
    "curl's --json, --fail-with-body, --retry-all-errors, %header",
    /--json|--fail-with-body|--retry-all|%header|--variable/,
  ],
];

// Before version 4, bash takes the parenthesis behind a pattern for the end of $(…).
Deno.test("install.sh avoids case within $(…)", () => {
  const code = inSh.replaceAll(/^\s*#.*$/gm, "");
  const found = Array.from(code.matchAll(/\$\((?!\()/g), ({ index }) => substitution(code, index + 2));
  assert.ok(found.length > 50);
  assert.deepEqual(found.filter((text) => /(^|[\s;|&])case\s/.test(text)), []);
});

/** What stands between `$(` and the parenthesis that closes it, quotes and inner ones aside. */
function substitution(code: string, start: number): string {
  let depth = 1;
  let quote = "";
  for (let at = start; at < code.length; at++) {
    const letter = code[at] ?? "";
    if (letter === "\\" && quote !== "'") at++;
    else if (quote !== "") quote = letter === quote ? "" : quote;
    else if (letter === "'" || letter === '"') quote = letter;
    else if (letter === "(") depth++;
    else if (letter === ")" && --depth === 0) return code.slice(start, at);
  }
  return code.slice(start);
}

for (const [what, pattern] of lacking) {
  Deno.test(`install.sh avoids ${what}`, () => {
    const code = inSh.replaceAll(/^\s*#.*$/gm, "");
    assert.doesNotMatch(code, pattern);
  });
}

for (const { name, command, tools, file } of languages.filter(({ extension }) => extension === "sh")) {
  testWith(tools, `the syntax of ${name}, and of its agent`, async () => {
    for (const path of [file, agentSh]) {
      const { code, stderr } = await run([...command, "-n", path]);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, "");
    }
  });

  testWith(tools, `the agent of ${name} is a program of its own`, async () => {
    const env = { HOME: "/nowhere" };
    assert.deepEqual(await run([...command, agentSh, "--version"], { env }), {
      code: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
    const { code, stderr } = await run([...command, agentSh, "monitor"], { env });
    assert.equal(code, 1);
    assert.match(stderr, /^error: Cannot read "\/nowhere\/.config\/openclaw-agent\/credentials.json"/);
  });
}

testWith(["python3"], "the agent of install.py is a program of its own", async () => {
  const env = { HOME: "/nowhere" };
  const command = ["python3", "-W", "error", agentPy];
  assert.deepEqual(await run([...command, "--version"], { env }), {
    code: 0,
    stdout: `${version}\n`,
    stderr: "",
  });
  const { code, stderr } = await run([...command, "monitor"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^error: Cannot read "\/nowhere\/.config\/openclaw-agent\/credentials.json"/);
});

const grammar = `
import ast, sys
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    ast.parse(text, path, feature_version=(3, 8))
    for node in ast.walk(ast.parse(text)):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] not in sys.stdlib_module_names:
                sys.exit("%s is not in the standard library" % name)
`;

const pythons = [source("install.py"), installPy, agentPy];

testWith(
  ["python3"],
  "install.py and its agent are Python 3.8, and of the standard library only",
  async () => {
    const { code, stderr } = await run(["python3", "-W", "error", "-c", grammar, ...pythons]);
    assert.equal(code, 0, stderr);
  },
);

const linter = isInstalled("ruff") ? ["ruff", "check", "--isolated"] : ["pyflakes3"];

testWith(linter.slice(0, 1), `${linter[0]} finds nothing in install.py, nor in the agent in it`, async () => {
  const { code, stdout, stderr } = await run([...linter, ...pythons]);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(stdout.replace(/^All checks passed!\n/, ""), "");
});
