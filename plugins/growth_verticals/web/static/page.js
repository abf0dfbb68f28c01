// Everything here is an addition: without JavaScript the pages show the same, apart from what the tables hold.
"use strict";
(() => {
  const root = document.documentElement;
  const host = (() => {
    try {
      return window.parent !== window && window.parent.document ? window.parent : null;
    } catch {
      return null; // framed by another origin, which our headers forbid
    }
  })();

  // Airflow keeps its theme as a class of its root element.
  if (host) {
    const theirs = host.document.documentElement;
    const follow = () => {
      for (const theme of ["light", "dark"]) root.classList.toggle(theme, theirs.classList.contains(theme));
    };
    root.classList.add("framed");
    follow();
    new MutationObserver(follow).observe(theirs, { attributes: true, attributeFilter: ["class"] });
  }

  // The sandbox of the frame blocks links to the top. Airflow's router follows its history instead.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow-path]");
    if (!host || !link || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    host.history.pushState({}, "", link.dataset.airflowPath);
    host.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  });

  // Titles as tooltips that also open by keyboard, and that Escape closes.
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true"); // the same text stands in the link, for screen readers
  let owner = null;
  const hide = () => {
    if (owner?.dataset.tip) owner.title = owner.dataset.tip;
    owner = null;
    tip.hidden = true;
  };
  const show = (event) => {
    const target = event.target instanceof Element ? event.target.closest("[title], [data-tip]") : null;
    if (!target || target === owner) return;
    hide();
    if (target.title) target.dataset.tip = target.title;
    if (!target.dataset.tip) return;
    owner = target;
    target.removeAttribute("title"); // or the browser shows it a second time
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const box = target.getBoundingClientRect();
    const left = Math.min(Math.max(4, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 4);
    const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
  };
  for (const name of ["mouseover", "focusin"]) document.addEventListener(name, show);
  for (const name of ["mouseout", "focusout"]) document.addEventListener(name, hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  // Parts that need the catalog come later. Each replaces its element; if it does not come, the element says so.
  const load = async (element) => {
    const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    try {
      const response = await fetch(element.dataset.fragment, { headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const template = document.createElement("template");
      template.innerHTML = await response.text();
      const fresh = template.content.firstElementChild;
      if (!fresh) throw new Error("an empty answer");
      element.replaceWith(fresh);
      if (fresh.dataset.note) note(fresh.dataset.note);
      if (focused) [...fresh.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    } catch {
      element.removeAttribute("aria-busy");
      note("What the tables hold could not be read: the server did not answer.");
    }
  };
  const note = (text) => {
    const place = document.getElementById("note");
    if (place) {
      place.textContent = text;
      place.hidden = false;
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(tip);
    document.querySelectorAll("[data-fragment]").forEach(load);
  });
})();
