// Live numbers: one event stream per page, paused when the tab is hidden or the reader says so.
// Everything on the page is already there without this file.

const live = document.querySelector("[data-live-source]");

if (live) {
  const button = live.querySelector("button");
  const state = live.querySelector("[data-live-state]");
  let source = null;
  let paused = false;

  const say = (key) => { state.textContent = live.dataset[key]; };

  const show = (values) => {
    for (const [key, value] of Object.entries(values)) {
      for (const element of document.querySelectorAll(`[data-live="${CSS.escape(key)}"]`)) {
        const text = element.dataset.liveLanguage && value !== null && typeof value === "object"
          ? value[element.dataset.liveLanguage] : value;
        if (element.textContent !== String(text)) element.textContent = text;
      }
    }
  };

  const open = () => {
    if (source || paused || document.hidden) return;
    source = new EventSource(live.dataset.liveSource);
    source.addEventListener("open", () => say("liveOn"));
    source.addEventListener("error", () => say("liveWait"));
    source.addEventListener("market", (event) => show(JSON.parse(event.data).values));
    for (const name of ["snapshot", "increment"]) {
      source.addEventListener(name, (event) => {
        document.dispatchEvent(new CustomEvent(`wattmark:${name}`, { detail: JSON.parse(event.data) }));
      });
    }
  };

  const close = (key) => {
    if (source) source.close();
    source = null;
    say(key);
  };

  document.addEventListener("wattmark:resync", () => { close("liveWait"); open(); });
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? live.dataset.liveResume : live.dataset.livePause;
    if (paused) close("liveOff"); else open();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) close("liveOff"); else open(); });
  open();
}
