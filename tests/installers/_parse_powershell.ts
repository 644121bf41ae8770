// Prints where a real PowerShell grammar cannot read the file that is named. Run by powershell_test.ts in a
// process of its own, because importing the grammar takes a flag.
import { Language, type Node, Parser } from "web-tree-sitter";
// Brings the package here; the grammar itself is a file that no import can be checked for.
import "tree-sitter-powershell/package.json" with { type: "json" };

const grammar = "tree-sitter-powershell/tree-sitter-powershell.wasm";
const loaded: { default: Uint8Array } = await import(grammar, { with: { type: "bytes" } });
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load(loaded.default));
for (const path of Deno.args) {
  const tree = parser.parse(await Deno.readTextFile(path));
  const faults = tree === null ? ["not parsed"] : faultsOf(tree.rootNode);
  // deno-lint-ignore no-console -- its only result
  for (const fault of faults) console.log(`${path}:${fault}`);
}

function faultsOf(node: Node): string[] {
  const { row, column } = node.startPosition;
  if (node.isError || node.isMissing) {
    return [`${row + 1}:${column + 1}: ${node.isMissing ? "missing " : ""}${node.type}`];
  }
  return node.hasError ? node.children.flatMap((child) => child === null ? [] : faultsOf(child)) : [];
}
