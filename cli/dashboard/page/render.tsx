import { render } from "preact-render-to-string";
import type { ComponentChildren, VNode } from "preact";
import { entry } from "../assets.generated.ts";
import type { LoginState, PageState } from "../state.ts";
import { sentence } from "./headline.tsx";
import { Fleet } from "./fleet.tsx";
import { iconOf } from "./icon.ts";
import { Page } from "./page.tsx";
import { begin, mood } from "./store.ts";

/** The whole document, with all of the first screen in it as text. */
export function renderPage(state: PageState): string {
  begin(state);
  // In a script of JSON only "<" could end it.
  const json = JSON.stringify(state).replaceAll("<", "\\u003c");
  const body = (
    <>
      <div class="page">
        <div id="page">
          <Page />
        </div>
        <div id="fleet">
          <Fleet />
        </div>
      </div>
      <script type="application/json" id="page-state" dangerouslySetInnerHTML={{ __html: json }} />
    </>
  );
  return documentOf(sentence(), mood.value, body, entry.script);
}

/** The form to log in with, which works without any script. */
export function renderLogin({ asks, refusal, version }: LoginState): string {
  const isKey = asks === "key";
  const body = (
    <main class="login">
      <form method="post" action="/page/login">
        <h1>openclaw</h1>
        <input type="text" autocomplete="username" value="openclaw" hidden readOnly />
        {refusal !== null && <p class="alert" role="alert">{refusal}</p>}
        <label>
          {isKey ? "An operator's or a reader's key" : "The code that openclaw dashboard printed"}
          <input
            name={asks}
            type="password"
            autocomplete={isKey ? "current-password" : "off"}
            required
            autofocus
          />
        </label>
        <button type="submit" class="main">Log in</button>
        <p class="soft">
          {isKey ? "The server's own keys are the files operator-key and reader-key in its data folder." : ""}
          {" "}
          {version}
        </p>
      </form>
    </main>
  );
  return documentOf("Log in", "stale", body, entry.login);
}

function documentOf(title: string, icon: string, body: ComponentChildren, script: string): string {
  const html: VNode = (
    <html lang="en" data-mood={script === entry.script ? icon : undefined} data-more={asset(entry.more)}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href={iconOf(icon)} />
        <link rel="stylesheet" href={asset(entry.style)} />
        {script === entry.login && <link rel="stylesheet" href={asset(entry.more)} />}
        <script type="module" src={asset(script)} />
      </head>
      <body>{body}</body>
    </html>
  );
  return `<!doctype html>${render(html)}`;
}

function asset(name: string): string {
  return `/page/assets/${name}`;
}
