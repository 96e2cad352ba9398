// What Streamlit and Plotly leave open for keyboards, screen readers and the Back button: read once, kept up as the page changes.
if (!window.deltabookAccessible) {
  window.deltabookAccessible = true;
  const mend = () => {
    // Streamlit's list of pages has sections between the list and its items: it is announced as links.
    for (const each of document.querySelectorAll("[data-testid=stSidebarNavItems], [data-testid=stSidebarNavItems] li")) {
      if (!each.hasAttribute("role")) each.setAttribute("role", "presentation");
    }
    for (const icon of document.querySelectorAll("[data-testid=stIconMaterial]:not([aria-hidden])")) {
      icon.setAttribute("aria-hidden", "true"); // Its text is the icon's name.
    }
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      for (const button of plot.querySelectorAll(".modebar-btn:not([tabindex='-1'])")) button.tabIndex = -1;
      const said = plot.layout?.meta?.alternative;
      if (said && plot.getAttribute("aria-label") !== said) {
        plot.setAttribute("role", "figure");
        plot.setAttribute("aria-label", said);
      }
    }
  };
  let waiting = 0;
  new MutationObserver(() => {
    waiting ||= setTimeout(() => {
      waiting = 0;
      mend();
    }, 100);
  }).observe(document.body, { childList: true, subtree: true });
  mend();
  // Back goes to the page before: what is written into a page's own address is no new entry.
  const push = history.pushState.bind(history);
  history.pushState = (state, title, to) => {
    const same = new URL(to ?? "", location.href).pathname === location.pathname;
    (same ? history.replaceState.bind(history) : push)(state, title, to);
  };
}
