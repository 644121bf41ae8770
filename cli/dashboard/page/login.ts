const field = document.querySelector<HTMLInputElement>("input[type=password]");
const code = new URLSearchParams(location.hash.slice(1)).get("code");

if (code !== null && field?.name === "code") enter(field, code);
else void lookAgain();

/** The code that came with the address is used at once, and does not stay there. */
function enter(input: HTMLInputElement, value: string): void {
  history.replaceState(null, "", location.pathname + location.search);
  input.value = value;
  input.form?.requestSubmit();
}

/** A link from another site brings no cookie along, but a request of this page does: whoever is logged in goes on. */
async function lookAgain(): Promise<void> {
  if (document.referrer.startsWith(location.origin)) return;
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if ((await response.text()).includes('id="page-state"')) location.replace(location.href);
}
