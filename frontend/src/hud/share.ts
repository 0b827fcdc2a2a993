/** The invite link: shared by the phone's own sheet, else copied. */

const SAID = 2000; // ms for which the button says what happened

export function wireInvite(button: HTMLElement): void {
  const label = button.textContent ?? "";
  let timer = 0;
  button.addEventListener("click", async () => {
    const said = await share(new URL(location.pathname, location.href).href);
    if (said === "") return;
    button.textContent = said;
    clearTimeout(timer);
    timer = window.setTimeout(() => (button.textContent = label), SAID);
  });
}

async function share(url: string): Promise<string> {
  if (matchMedia("(pointer: coarse)").matches && "share" in navigator) {
    await navigator.share({ title: document.title, url }).catch(() => undefined); // closed: fine
    return "";
  }
  try {
    await navigator.clipboard.writeText(url);
    return "Link copied";
  } catch {
    return copyOldWay(url) ? "Link copied" : url; // at worst the link can be read
  }
}

/** Without HTTPS, as in a home network, browsers have only this. */
function copyOldWay(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
