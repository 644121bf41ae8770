import { bash, busybox, zsh } from "../../_support/installers.ts";
import { handedOutPs1, spiedOn, spiedOnEnrolling, testHandedOut } from "../../installers/_handed_out.ts";

// A start of PowerShell is slow by nature, and so are tools that write down how they are called.
testHandedOut([handedOutPs1], {
  isAlone: true,
  more: [...[bash, busybox].map(spiedOn), ...[busybox, zsh].map(spiedOnEnrolling)],
});
