import { assets } from "./assets.generated.ts";
import { renderLogin, renderPage } from "./render.generated.ts";
import type { LoginState, PageState } from "./state.ts";

/** What the page is made of. */
export interface Front {
  /** The whole document for somebody who is logged in. */
  renderPage: (state: PageState) => string;
  /** The whole document for everybody else. Its form works without a script. */
  renderLogin: (state: LoginState) => string;
  /** By their names under `/page/assets/`. */
  assets: Readonly<Record<string, { type: string; text: string }>>;
}

/** The page as `deno task page` has bundled it. */
export const front: Front = { renderPage, renderLogin, assets };
