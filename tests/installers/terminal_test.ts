import { languages, powershell } from "../_support/installers.ts";
import { testAsking } from "./_terminal.ts";

testAsking(languages, { isWhole: true });
// Each question takes a start of PowerShell: tests/long asks them all.
testAsking([powershell], { isWhole: false });
