// The console's one script. Every page is complete without it; this adds what only a browser can know or do:
// the reader's zone, live parts, keys, ranges drawn over a plot, and copying.

// --- Times: the server writes UTC, and keeps it in the title.

const whole = new Intl.DateTimeFormat(undefined, {
  month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = whole.format(new Date(time.dateTime));
  }
  for (const tick of root.querySelectorAll("[data-clock]")) {
    tick.textContent = short.format(new Date(Number(tick.dataset.clock)));
  }
}

// --- Live parts: the server sends the content of the elements that have changed.

function replaceParts(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const element = document.getElementById(id);
    if (element === null) continue;
    const place = placeOfFocus(element);
    element.innerHTML = html; // escaped by the server, as in the page itself
    prepare(element);
    if (place >= 0) focusables(element)[place]?.focus({ preventScroll: true });
  }
}

function focusables(element) {
  return [...element.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")];
}

function placeOfFocus(element) {
  return element.contains(document.activeElement) ? focusables(element).indexOf(document.activeElement) : -1;
}

function follow(address) {
  const offline = document.getElementById("offline");
  let source = null;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("parts", (event) => replaceParts(JSON.parse(event.data)));
    source.onopen = () => { offline.hidden = true; };
    source.onerror = () => { offline.hidden = false; };
  };
  // A page that nobody sees costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (source === null) {
      open();
    }
  });
  if (!document.hidden) open();
}

// --- Keys: `/` goes to the search. Arrows walk through the rows of a list and the bars of a plot.

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    const field = document.querySelector("input[type=search]");
    event.preventDefault();
    if (field === null) location.assign("/runs");
    else field.focus();
    return;
  }
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (steps === undefined || typing) return;
  const isBar = event.key === "ArrowRight" || event.key === "ArrowLeft";
  const among = event.target.closest(isBar ? "svg.plot" : "table.runs");
  if (among === null) return;
  const links = [...among.querySelectorAll("a[href]")];
  const next = links[links.indexOf(event.target.closest("a")) + steps];
  if (next === undefined) return;
  event.preventDefault();
  if (isBar) {
    event.target.closest("a").setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
  }
  next.focus();
}

// One stop for the Tab key in each plot: arrows reach the other bars.
function makeBarsOneStop(root) {
  for (const plot of root.querySelectorAll("svg.plot")) {
    [...plot.querySelectorAll("a[href]")].forEach((bar, place) => bar.setAttribute("tabindex", place ? "-1" : "0"));
  }
}

// --- Ranges: a stretch drawn over a plot becomes the page's time.

function makeRanges(root) {
  for (const plot of root.querySelectorAll("svg.plot[data-from]")) {
    let began = null;
    const shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    shade.setAttribute("class", "shade");
    shade.setAttribute("y", "0");
    shade.setAttribute("height", "100%");
    const share = (event) => {
      const box = plot.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.pointerType === "mouse") began = share(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (began === null) return;
      const [left, right] = [began, share(event)].sort((one, other) => one - other);
      const width = plot.viewBox.baseVal.width;
      shade.setAttribute("x", String(left * width));
      shade.setAttribute("width", String((right - left) * width));
      if (right - left > 0.01) plot.append(shade);
    });
    const finish = (event) => {
      if (began === null) return;
      const [left, right] = [began, share(event)].sort((one, other) => one - other);
      began = null;
      shade.remove();
      if (right - left <= 0.01) return; // a click, which the bar's link takes
      event.preventDefault();
      const [from, to] = [Number(plot.dataset.from), Number(plot.dataset.to)];
      const address = new URL(location.href);
      for (const name of ["range", "after"]) address.searchParams.delete(name);
      address.searchParams.set("since", String(Math.floor(from + left * (to - from))));
      address.searchParams.set("until", String(Math.ceil(from + right * (to - from))));
      plot.addEventListener("click", (click) => click.preventDefault(), { once: true, capture: true });
      location.assign(address);
    };
    plot.addEventListener("pointerup", finish);
    plot.addEventListener("pointerleave", finish);
    plot.addEventListener("dragstart", (event) => event.preventDefault());
  }
}

// --- Copying, and being asked before a change.

function makeCopies(root) {
  if (navigator.clipboard === undefined) return;
  for (const code of root.querySelectorAll("code.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = document.body.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = document.body.dataset.copied;
    });
    code.after(" ", button);
  }
}

function makeSure(root) {
  for (const button of root.querySelectorAll("button[data-sure]")) {
    button.addEventListener("click", (event) => {
      if (!window.confirm(button.dataset.sure)) event.preventDefault();
    });
  }
}

// In a form with a long text, Enter makes a line. Ctrl and Enter send the form.
function makeSendKeys(root) {
  for (const area of root.querySelectorAll("form.say textarea")) {
    document.getElementById(area.getAttribute("aria-describedby")).hidden = false;
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      area.form.requestSubmit();
    });
  }
}

// A fault of a text leads to its line in the field.
function makeLineLinks(root) {
  for (const link of root.querySelectorAll("a[data-line]")) {
    link.addEventListener("click", (event) => {
      const area = document.querySelector(link.getAttribute("href"));
      const lines = area.value.split("\n");
      const number = Math.min(Number(link.dataset.line), lines.length);
      const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
      event.preventDefault();
      area.focus();
      area.setSelectionRange(start, start + lines[number - 1].length);
      area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, number - 4);
    });
  }
}

function prepare(root) {
  showLocalTimes(root);
  makeBarsOneStop(root);
  makeRanges(root);
  makeCopies(root);
  makeSure(root);
  makeSendKeys(root);
  makeLineLinks(root);
}

prepare(document);
document.addEventListener("keydown", onKey);
if (document.body.dataset.live) follow(document.body.dataset.live);
