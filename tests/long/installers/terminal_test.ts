import { powershell } from "../../_support/installers.ts";
import { testAsking } from "../../installers/_terminal.ts";

testAsking([powershell], { isWhole: true });
