// The keyboard as in Jupyter's command mode, and cells that are dragged: the browser says what is wanted, `keys.py` does it.

const TWICE = 600; // ms within which D D deletes.
const WAITS = 3000; // ms for which a field to write in may take to come: what is typed meanwhile is no command.
const EDGE = 60; // px from the window's edge within which dragging scrolls.
// Where letters and arrows mean something else.
const TAKEN =
  "input, textarea, select, [contenteditable=true], [role=slider], [role=combobox], [role=listbox], [role=dialog], [data-testid=stPopoverBody], [data-token]";
const CHOOSING = ["ArrowUp", "ArrowDown", "k", "j"];

export default function ({ data, parentElement, setTriggerValue }) {
  const self = (parentElement.keys ??= { at: null, last: ["", 0] });
  // A command is sent until it has been heard: of two in a row the page would hear the last alone.
  self.sent = (self.sent ?? []).filter((each) => each.id > data.heard);
  self.count = Math.max(self.count ?? 0, data.heard);
  const ask = (what) => {
    self.sent.push({ ...what, id: ++self.count });
    setTriggerValue("asked", { commands: [...self.sent] });
  };
  Object.assign(self, { cells: data.cells, ask });
  if (!self.cells.includes(self.at)) self.at = self.cells[self.place ?? 0] ?? self.cells.at(-1) ?? null;
  self.mark = parentElement.querySelector("style");
  self.line = parentElement.querySelector("div");
  if (data.select !== null && self.active) settle(self, data.select, Date.now());
  marked(self);
  if (self.listens) return undefined;
  self.listens = new AbortController();
  const listen = (name, then) => document.addEventListener(name, (event) => then(self, event), { signal: self.listens.signal });
  listen("keydown", onKey);
  listen("focusin", onClick);
  listen("pointerdown", onClick);
  listen("pointerdown", onGrasp);
  return () => {
    self.listens?.abort();
    self.listens = null;
  };
}

const box = (cell) => document.querySelector(`.st-key-cell-${cell}`);

function marked(self) {
  self.mark.textContent = self.active ? `.st-key-cell-${self.at} { outline: 2px solid #0072B2; outline-offset: 1px }` : "";
}

// Choose a cell that is new or whose note is to be written, which may not be drawn yet; unless a person has gone elsewhere.
function settle(self, cell, since) {
  const field = box(cell)?.querySelector("textarea");
  const late = Date.now() - since > WAITS;
  if (!self.active) return;
  if (box(cell) && (field || !self.writes || late)) {
    choose(self, cell);
    field?.focus();
    self.writes = 0;
  } else if (!late) setTimeout(() => settle(self, cell, since), 50);
}

function choose(self, cell, look = true) {
  if (cell === undefined || cell === null) return;
  Object.assign(self, { at: cell, place: self.cells.indexOf(cell), active: true });
  if (self.mark) marked(self);
  const there = box(cell);
  if (!look || !there) return;
  there.tabIndex = -1;
  there.focus({ preventScroll: true });
  there.scrollIntoView({ block: "nearest" });
}

function onClick(self, event) {
  const cell = self.cells.find((each) => box(each)?.contains(event.target));
  if (cell !== undefined) choose(self, cell, false);
  else if (event.type === "pointerdown" && event.target.closest?.("[data-testid=stMain], [data-testid=stSidebar]")) {
    self.active = false; // Keys do nothing to a cell that a person has left.
    marked(self);
  }
}

function onKey(self, event) {
  if (event.defaultPrevented || self.at === null || event.metaKey) return;
  const writing = event.target.closest?.("[class*=st-key-note-] textarea");
  if (writing) {
    if (event.key !== "Escape" && !(event.key === "Enter" && event.shiftKey)) return;
    event.preventDefault();
    writing.blur(); // Which saves it.
    self.ask({ do: "done", cell: self.at });
    choose(self, self.at);
    return;
  }
  if (event.target.closest?.(TAKEN) || document.querySelector("[role=dialog]")) return;
  if (!self.active && !CHOOSING.includes(event.key)) return;
  if (Date.now() - (self.writes ?? 0) < WAITS) return event.preventDefault();
  const place = self.cells.indexOf(self.at);
  const control = event.ctrlKey || event.altKey;
  if (event.key === "Enter" && event.target.closest?.("button, a, summary") && !event.shiftKey && !control) return;
  const go = (by) => choose(self, self.active ? self.cells[place + by] : self.at);
  const ask = (what, more) => {
    if (["edit", "above", "below"].includes(what)) self.writes = Date.now();
    self.ask({ do: what, cell: self.at, ...more });
  };
  const twice = self.last[0] === event.key && Date.now() - self.last[1] < TWICE;
  self.last = [event.key, Date.now()];
  if (control && event.key !== "Enter" && !(event.shiftKey && event.key.startsWith("Arrow"))) return;
  const does = {
    ArrowUp: () => (event.shiftKey ? control && ask("move", { to: place - 1 }) : go(-1)),
    ArrowDown: () => (event.shiftKey ? control && ask("move", { to: place + 1 }) : go(1)),
    k: () => go(-1),
    j: () => go(1),
    Enter: () => {
      ask(event.shiftKey || control ? "run" : "edit");
      if (event.shiftKey) go(1);
    },
    a: () => ask("above"),
    b: () => ask("below"),
    o: () => ask("fold"),
    z: () => ask("undo"),
    d: () => twice && ask("delete"),
  }[event.key];
  if (!does) return;
  event.preventDefault();
  does();
}

function onGrasp(self, event) {
  const grip = event.target.closest?.(".deltabook-grip");
  if (!grip || event.button) return;
  event.preventDefault();
  const cell = self.cells.find((each) => box(each)?.contains(grip));
  let to = null;
  const moved = (now) => {
    now.preventDefault();
    const scrolls = document.querySelector("[data-testid=stMain]");
    if (now.clientY < EDGE) scrolls.scrollBy(0, -20);
    if (now.clientY > innerHeight - EDGE) scrolls.scrollBy(0, 20);
    const others = self.cells.filter((each) => each !== cell);
    const after = others.findIndex((each) => {
      const at = box(each).getBoundingClientRect();
      return now.clientY < at.top + at.height / 2;
    });
    to = after < 0 ? others.length : after;
    const near = box(others[Math.min(to, others.length - 1)])?.getBoundingClientRect();
    if (!near) return;
    const top = to < others.length ? near.top - 8 : near.bottom + 8;
    self.line.style.cssText = `position:fixed;z-index:9;height:4px;background:#0072B2;pointer-events:none;left:${near.left}px;width:${near.width}px;top:${top}px`;
  };
  const over = new AbortController();
  const listen = (name, then) => document.addEventListener(name, then, { passive: false, signal: over.signal });
  const ended = (drops) => {
    over.abort();
    self.line.style.cssText = "";
    if (drops && to !== null && to !== self.cells.indexOf(cell)) self.ask({ do: "move", cell, to });
  };
  listen("pointermove", moved);
  listen("pointerup", () => ended(true));
  listen("pointercancel", () => ended(false));
  listen("keydown", (event) => event.key === "Escape" && ended(false));
}
