// Token strips: every ascent step is here, so that the slider, Play and the keyboard need no server.
//
// data.shown: strips (tokens, faded, heading, frames: what each step shows), largest, legend, unit, said (of each step),
// colours ([ground, ink], from nothing to the largest value). data.of names the result; data.step and data.token are shown
// and chosen at first; data.listens: whether the server is told of a step or a token.

const HINT = "Point at a token, or go through them with the arrow keys.";
const SETTLED = 250; // ms after the last move, before the server is told.

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".strips");
  const text = JSON.stringify([data.of, data.shown]);
  const tell = data.listens ? (name, value) => setStateValue(name, { of: data.of, value }) : () => {};
  if (root.strips?.text === text) {
    root.strips.tell = tell;
    return;
  }
  root.strips?.stop();
  root.strips = { text, tell };
  mount(root, root.strips, data);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function mount(root, self, { shown, step, token }) {
  const last = Math.max(...shown.strips.map((each) => each.frames.length)) - 1;
  const tip = element("div", { className: "strip-tip", textContent: HINT });
  tip.setAttribute("aria-live", "polite");
  const rows = shown.strips.map((strip) => drawRow(strip, shown));
  const chips = rows.flatMap((row) => row.chips);
  let at = Math.min(step ?? last, last);
  let chosen = token ?? null;
  let playing = 0;
  let waiting = 0;

  const tipOf = (chip) => chip.title;
  const show = () => {
    for (const row of rows) paint(row, shown, Math.min(at, row.strip.frames.length - 1), last > 0, chosen);
    if (control) control.show(at);
    const of = chips.find((chip) => chip === document.activeElement) ?? rows[0].chips[chosen];
    tip.textContent = of ? tipOf(of) : HINT;
  };
  const tellSoon = (name, value) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => self.tell(name, value), SETTLED);
  };
  const stop = () => {
    clearInterval(playing);
    playing = 0;
  };
  const go = (to) => {
    at = to;
    show();
    tellSoon("step", at);
  };
  const play = () => {
    if (playing) {
      stop();
      tellSoon("step", at);
      show();
      return;
    }
    at = at === last ? 0 : at;
    playing = setInterval(() => {
      at += 1;
      if (at >= last) {
        stop();
        tellSoon("step", at);
      }
      show();
    }, Math.min(700, Math.max(120, 4000 / last)));
    show();
  };
  const choose = (place) => {
    chosen = chosen === place ? null : place;
    show();
    tellSoon("token", chosen);
  };
  const control = last > 0 ? controls(last, shown.said, go, play, () => playing !== 0) : null;

  rows.forEach((row) =>
    row.chips.forEach((chip, place) => {
      chip.onmouseenter = chip.onfocus = () => (tip.textContent = tipOf(chip));
      chip.onmouseleave = show;
      chip.onclick = () => choose(place);
      chip.onkeydown = (event) => {
        const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: row.chips.length - 1 }[event.key];
        if (to !== undefined && row.chips[to]) {
          chip.tabIndex = -1;
          row.chips[to].tabIndex = 0;
          row.chips[to].focus();
        } else if (event.key === "Enter" || event.key === " ") choose(place);
        else return;
        event.preventDefault();
      };
    }),
  );
  self.stop = () => {
    stop();
    clearTimeout(waiting);
  };
  root.replaceChildren(
    ...(control ? [control.box] : []),
    ...rows.flatMap((row) => row.parts),
    ...(shown.legend ? [legend(shown)] : []),
    tip,
  );
  show();
}

function controls(last, said, go, play, isPlaying) {
  const button = element("button", { type: "button", onclick: play });
  const range = element("input", { type: "range", min: 0, max: last, step: 1 });
  range.setAttribute("aria-label", "Ascent step");
  range.oninput = () => {
    if (isPlaying()) play();
    go(Number(range.value));
  };
  const where = element("span", { className: "strip-step" });
  const words = element("div", { className: "strip-said" });
  return {
    box: element("div", {}, element("div", { className: "strip-controls" }, button, range, where), words),
    show(at) {
      button.textContent = isPlaying() ? "❚❚ Pause" : "▶ Play";
      range.value = at;
      range.setAttribute("aria-valuetext", `step ${at} of ${last}${said[at] ? `: ${said[at]}` : ""}`);
      where.textContent = `step ${at} of ${last}`;
      words.textContent = said[at] ?? "";
    },
  };
}

function drawRow(strip, shown) {
  const list = element("div", { className: "strip-row" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", strip.heading || "Tokens");
  list.setAttribute("aria-orientation", "horizontal");
  const marked = strip.frames.some((frame) => frame.marks?.length);
  const chips = strip.tokens.map((token, place) => {
    const chip = element("span", { textContent: token, tabIndex: place ? -1 : 0 });
    chip.dataset.token = "";
    chip.className = strip.faded[place] ? "strip-token strip-faded" : "strip-token";
    chip.setAttribute("role", "option");
    return chip;
  });
  const marks = chips.map(() => {
    const mark = element("span", { className: "strip-mark" });
    mark.dataset.mark = "";
    return mark;
  });
  chips.forEach((chip, place) => {
    const cell = marked ? element("span", { className: "strip-cell" }, chip, marks[place]) : chip;
    if (marked) cell.setAttribute("role", "presentation");
    list.append(cell);
  });
  const heading = strip.heading ? [element("p", { className: "strip-heading", textContent: strip.heading })] : [];
  return { strip, chips, marks, parts: [...heading, list] };
}

function paint({ strip, chips, marks }, shown, at, stepped, chosen) {
  const own = Math.min(at, strip.frames.length - 1); // Of several strips one may have fewer steps.
  const frame = strip.frames[own];
  chips.forEach((chip, place) => {
    const value = frame.values[place];
    const share = shown.largest ? Math.min(1, value / shown.largest) : 0;
    const [ground, ink] = shown.colours[Math.round(share * (shown.colours.length - 1))];
    chip.style.background = ground;
    chip.style.color = ink;
    const more = frame.titles?.[place] ?? strip.titles[place] ?? "";
    const amount = `${strip.tokens[place]}: ${shown.legend} = ${Number(Number(value).toPrecision(4))} at step ${own}`;
    chip.title = stepped && strip.frames.length > 1 ? (more ? `${amount}; ${more}` : amount) : more;
    const seen = chip.textContent; // What is read aloud begins with what is seen.
    chip.setAttribute("aria-label", !chip.title || chip.title.startsWith(seen) ? chip.title || seen : `${seen}: ${chip.title}`);
    chip.setAttribute("aria-selected", String(place === chosen));
    if (frame.marks?.length) {
      const [text, colour] = frame.marks[place];
      marks[place].textContent = text || "\u00a0";
      marks[place].style.borderTopColor = colour;
    }
  });
}

function legend({ legend: name, largest, unit, colours }) {
  if (!largest) return element("div", { className: "strip-legend" }, `${name} is 0 everywhere`);
  const ramp = element("span", { className: "strip-ramp" });
  ramp.style.background = `linear-gradient(to right, ${colours.map(([ground]) => ground).join(", ")})`;
  const end = `${Number(Number(largest).toPrecision(3))} ${unit}`;
  return element("div", { className: "strip-legend" }, `${name} 0`, ramp, end);
}
