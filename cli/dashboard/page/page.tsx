import type { VNode } from "preact";
import { Age, Headline } from "./headline.tsx";
import { Later } from "./later.tsx";
import { asked, isLeaving, isOperator, mood, role, route, token, version } from "./store.ts";
import { Trouble } from "./trouble.tsx";

const places = [["", "Fleet"], ["incidents", "Incidents"], ["enrollment", "Enrollment"], [
  "channels",
  "Channels",
]] as const;

/** What is wrong, and one of the other views in its place. The server shows it before any script runs. */
export function Page(): VNode {
  const [place = ""] = route.value.split("/");
  return (
    <>
      <header>
        <nav aria-label="Page">
          {places.map(([path, title]) => (
            <a
              key={path}
              href={`#/${path}`}
              aria-current={path === place || (path === "" && place === "agents") ? "page" : undefined}
            >
              {title}
            </a>
          ))}
        </nav>
        <span class="soft">
          {isOperator.value ? "operator" : `${role.value}, looks only`} · {version.value}
        </span>
        <form method="post" action="/page/logout" onSubmit={() => void (isLeaving.value = true)}>
          <input type="hidden" name="token" value={token.value} />
          <button type="submit">Log out</button>
        </form>
      </header>
      <main>
        {place !== "" && mood.value === "stale" && <Age />}
        {place === ""
          ? <Overview />
          : <Later key={route.value} view={place === "agents" ? "agent" : place} />}
      </main>
      {asked.value !== null && <Later key="ask" view="ask" />}
    </>
  );
}

function Overview(): VNode {
  return (
    <>
      <Headline />
      <Trouble />
    </>
  );
}
