// The explorer: a table of cells systems x languages, and the items behind a cell.
// The page puts the library's bundle (an ES module) into an inert element; a page opened from disk can import it from a blob.
const source = document.getElementById("library").textContent;
const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
const { jQuery } = await import(address);
URL.revokeObjectURL(address);
const DataTable = jQuery.fn.dataTable;
DataTable.ext.errMode = "throw";

const study = JSON.parse(document.getElementById("summary").textContent);
const element = (id) => document.getElementById(id);
const LOW = [0, 1, 2], HIGH = [4, 5];
const FACETS = { model: "Model", bits: "Precision", data: "Data", method: "Method", rank: "Rank", seed: "Seed" };

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", theme);
theme();

// -- words and numbers ------------------------------------------------------------------------

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const percent = (tenths) => (tenths / 10).toFixed(1);
const signed = (tenths) => (tenths > 0 ? "+" : tenths < 0 ? "−" : "") + percent(Math.abs(tenths));
const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
const named = (code) => study.languages[code].name;

// -- what is chosen ---------------------------------------------------------------------------

const chosen = { benchmark: study.benchmarks[0], measure: "score", facets: {}, languages: new Set(Object.keys(study.languages)) };

function shownSystems() {
  const scored = (place) => chosen.benchmark.languages.some((_, column) => cell("score", place, column) !== null);
  return study.systems.map((_, place) => place).filter((place) => matches(study.systems[place]) && scored(place));
}

function matches(system) {
  return Object.entries(chosen.facets).every(([name, values]) =>
    // An untuned base has no data, method, rank or seed: it has a box of its own.
    system[name] === null ? chosen.facets.tuned.has("untuned") : name === "tuned" || values.has(system[name]));
}

const shownLanguages = () =>
  chosen.benchmark.languages.map((code, column) => [code, column]).filter(([code]) => chosen.languages.has(code));

function cell(key, system, column) {
  const values = chosen.benchmark[key];
  return values ? values[system * chosen.benchmark.languages.length + column] : null;
}

function choice(label, checked, change) {
  const box = make("input", { type: "checkbox" });
  box.checked = checked;
  box.addEventListener("change", () => change(box.checked));
  return make("label", {}, box, ` ${label}`);
}

function toggled(values, value) {
  return (checked) => {
    if (checked) values.add(value);
    else values.delete(value);
    show();
  };
}

function facets() {
  chosen.facets.tuned = new Set(["untuned"]);
  const place = element("systems");
  for (const [name, words] of Object.entries(FACETS)) {
    const values = [...new Set(study.systems.map((system) => system[name]).filter((value) => value !== null))];
    values.sort((a, b) => (typeof a === "number" ? a - b : a < b ? -1 : 1));
    chosen.facets[name] = new Set(values);
    if (values.length < 2) continue;
    const group = make("fieldset", {}, make("legend", {}, words));
    for (const value of values) {
      group.append(choice(name === "bits" ? `${value}-bit` : value, true, toggled(chosen.facets[name], value)));
    }
    place.append(group);
  }
  const bases = make("fieldset", {}, make("legend", {}, "Bases"));
  bases.append(choice("untuned", true, toggled(chosen.facets.tuned, "untuned")));
  place.append(bases);
}

function languageChoices() {
  const place = element("languages");
  place.replaceChildren();
  const quick = {
    all: () => true,
    none: () => false,
    "low-resource (classes 0-2)": (code) => LOW.includes(study.languages[code].class),
    "high-resource (classes 4-5)": (code) => HIGH.includes(study.languages[code].class),
  };
  const buttons = make("div", { role: "group", "aria-label": "Choose languages" });
  for (const [words, test] of Object.entries(quick)) {
    const button = make("button", { type: "button" }, words);
    button.addEventListener("click", () => {
      chosen.languages = new Set(Object.keys(study.languages).filter(test));
      languageChoices();
      show();
    });
    buttons.append(button, " ");
  }
  const list = make("div", { class: "columns" });
  for (const code of Object.keys(study.languages)) {
    if (!chosen.benchmark.languages.includes(code)) continue;
    list.append(choice(`${named(code)} (${code})`, chosen.languages.has(code), (checked) => toggled(chosen.languages, code)(checked)));
  }
  place.append(buttons, list);
}

// -- the table --------------------------------------------------------------------------------

let table = null;

function mean(place, languages) {
  const values = languages.map(([, column]) => cell(chosen.measure, place, column)).filter((value) => value !== null);
  return values.length === languages.length && values.length ? values.reduce((a, b) => a + b) / values.length : null;
}

function button(place, code, column) {
  const value = cell(chosen.measure, place, column);
  if (value === null) return "";
  const change = chosen.measure === "change";
  const { chance, id } = chosen.benchmark;
  const classes = ["cell"];
  let style;
  if (change) {
    style = `--hue:var(--${value < 0 ? "bad" : "good"});--depth:${Math.min(0.75, Math.abs(value) / 250).toFixed(2)}`;
    if (cell("verdict", place, column)) classes.push("decided");
  } else {
    const floor = chance ?? 0;
    style = `--hue:var(--good);--depth:${(Math.max(0, (value - floor) / (chosen.benchmark.top - floor)) * 0.75).toFixed(2)}`;
    if (chance !== null && cell("low", place, column) <= chance && cell("high", place, column) >= chance) classes.push("chance");
  }
  const label = `${study.systems[place].label}, ${named(code)}: ${change ? signed(value) : percent(value)}`;
  return `<button type="button" tabindex="-1" class="${classes.join(" ")}" style="${style}" data-benchmark="${id}" data-system="${place}" data-column="${column}" aria-label="${escaped(label)}" aria-describedby="tip">${change ? signed(value) : percent(value)}</button>`;
}

function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function heading(code) {
  const { name, class: resource } = study.languages[code];
  const words = `${name}${resource === null ? "" : `, resource class ${resource}`}`;
  return `<abbr title="${escaped(words)}" aria-label="${escaped(words)}">${escaped(code)}</abbr>`;
}

// The darkest cell is the highest score, but never so near to the floor that small differences look large.
for (const benchmark of study.benchmarks) {
  benchmark.top = Math.max((benchmark.chance ?? 0) + 250, benchmark.score.reduce((most, value) => Math.max(most, value ?? 0), 0));
}

function show() {
  const systems = shownSystems(), languages = shownLanguages();
  const order = table ? table.order() : [[0, "asc"]];
  if (table) {
    table.destroy();
    element("cells").replaceChildren();
  }
  // Sorted as numbers; what is missing comes last when the highest come first.
  const number = (render, value) => (type, row) => type === "display" ? render(row) : value(row) ?? -1e9;
  const columns = [
    { title: "System", cellType: "th", data: null, render: (_, type, row) => type === "display" ? escaped(study.systems[row].label) : row },
    { title: "Mean", className: "mean", data: null, orderSequence: ["desc", "asc"],
      render: (_, type, row) => number((place) => { const value = mean(place, languages); return value === null ? "" : chosen.measure === "change" ? signed(Math.round(value)) : percent(value); }, (place) => mean(place, languages))(type, row) },
    ...languages.map(([code, column]) => ({
      title: heading(code), data: null, orderSequence: ["desc", "asc"],
      render: (_, type, row) => number((place) => button(place, code, column), (place) => cell(chosen.measure, place, column))(type, row),
    })),
  ];
  table = new DataTable(element("cells"), {
    data: systems, columns, paging: false, searching: false, info: false, autoWidth: false,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    order: order.filter(([column]) => column < columns.length).length ? order : [[0, "asc"]],
    createdRow: (row) => row.firstChild.setAttribute("scope", "row"),
    language: { emptyTable: "No system is chosen." },
  });
  table.on("draw", enter);
  enter();
  describe(systems, languages);
}

function describe(systems, languages) {
  const { name, metric, scoring, shots, prompts, chance } = chosen.benchmark;
  element("systems-chosen").textContent = `${systems.length} of ${study.systems.length}`;
  element("languages-chosen").textContent = `${languages.length} of ${chosen.benchmark.languages.length}`;
  element("about").textContent = `${name}: ${metric} by ${scoring}, ${shots ? count(shots, "demonstration") : "no demonstrations"}, prompts ${prompts}${chance === null ? "" : `, chance ${percent(chance)}`}. Mean: over the ${count(languages.length, "language")} shown.`;
  element("legend").textContent = chosen.measure === "change"
    ? "Points against the untuned base at the same precision. Bold: real at Holm-adjusted p < 0.05; blue is a gain, orange a loss."
    : "Darker: higher. Grey italics: the interval contains chance.";
}

// One cell can be reached by Tab; arrow keys go on from there.
function enter() {
  const first = element("cells").querySelector(".cell");
  if (first) first.tabIndex = 0;
}

function move(event) {
  const from = event.target.closest?.(".cell");
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!from || !steps) return;
  event.preventDefault();
  const row = from.closest("tr"), rows = row.parentNode.children, cells = [...row.children];
  const next = rows[[...rows].indexOf(row) + steps[0]]?.children[cells.indexOf(from.parentNode) + steps[1]]?.querySelector(".cell");
  if (!next) return;
  from.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  next.scrollIntoView({ block: "nearest", inline: "center" });
}

function tell(event) {
  const target = event.target.closest?.(".cell"), tip = element("tip");
  tip.hidden = !target;
  if (!target) return;
  const place = Number(target.dataset.system), column = Number(target.dataset.column);
  const { languages, n, chance } = chosen.benchmark, code = languages[column];
  const lines = [`${named(code)}: ${percent(cell("score", place, column))} % (95 % interval ${percent(cell("low", place, column))} to ${percent(cell("high", place, column))}), n = ${n[column].toLocaleString("en")}${chance === null ? "" : `, chance ${percent(chance)} %`}.`];
  const change = cell("change", place, column);
  if (change !== null) {
    const verdict = { 1: "better", 0: "undecided", "-1": "worse" }[cell("verdict", place, column)];
    lines.push(`Against its base ${signed(change)} points (${signed(cell("change_low", place, column))} to ${signed(cell("change_high", place, column))}), ${verdict}.`);
  }
  const unparsed = cell("unparsed", place, column);
  if (unparsed) lines.push(`Not parsed: ${percent(unparsed)} % of the answers.`);
  tip.replaceChildren(make("strong", {}, study.systems[place].label), make("br"), lines.join(" "));
  const box = target.getBoundingClientRect(), own = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - own.width - 4))}px`;
  tip.style.top = `${box.bottom + own.height + 8 < innerHeight ? box.bottom + 6 : box.top - own.height - 6}px`;
}

// -- items ------------------------------------------------------------------------------------

const loaded = new Map();

// Each file of items calls this.
window.mapleItems = (content) => loaded.set(`${content.benchmark}/${content.language}`, content);

function load(benchmark, language) {
  const key = `${benchmark}/${language}`;
  if (loaded.has(key)) return Promise.resolve(loaded.get(key));
  return new Promise((resolve, reject) => {
    const script = make("script", { src: `${study.items}/${key}.js` });
    script.addEventListener("load", () => { script.remove(); resolve(loaded.get(key)); });
    script.addEventListener("error", () => { script.remove(); reject(new Error(`${study.items}/${key}.js`)); });
    document.head.append(script);
  });
}

const FILTERS = {
  all: ["all", () => true],
  right: ["right", (own, item) => own.credit[item] === 1],
  partly: ["partly right", (own, item) => own.credit[item] > 0 && own.credit[item] < 1],
  wrong: ["wrong", (own, item) => own.credit[item] === 0],
  unparsed: ["not parsed", (own, item) => own.unparsed?.includes(item) ?? false],
  lost: ["right untuned, not right here", (own, item, base) => base !== null && base.credit[item] === 1 && own.credit[item] < 1],
  gained: ["not right untuned, right here", (own, item, base) => base !== null && base.credit[item] < 1 && own.credit[item] === 1],
};

async function open(place, column) {
  const code = chosen.benchmark.languages[column], system = study.systems[place];
  element("items-title").textContent = `${chosen.benchmark.name}, ${named(code)}: ${system.label}`;
  element("items-about").textContent = "Loading …";
  element("items-body").replaceChildren();
  element("items-controls").hidden = true;
  element("tip").hidden = true;
  if (!element("items").open) element("items").showModal();
  try {
    listItems(await load(chosen.benchmark.id, code), system, code, place, column);
  } catch (error) {
    element("items-about").textContent = `The items are in ${error.message}, beside this page. Keep that folder with the page.`;
  }
}

function listItems(content, system, code, place, column) {
  const own = content.answers[content.systems.indexOf(system.path)];
  const basePlace = study.systems.findIndex((other) => other.model === system.model && other.bits === system.bits && other.rank === null);
  const base = system.rank === null || basePlace < 0 ? null : content.answers[content.systems.indexOf(study.systems[basePlace].path)] ?? null;
  const shots = content.demonstrations.length;
  element("items-about").textContent = `${count(content.items.length, "item")}; score ${percent(cell("score", place, column))} % (95 % interval ${percent(cell("low", place, column))} to ${percent(cell("high", place, column))}).${shots ? ` ${count(shots, "demonstration")} went before each prompt.` : ""}`;
  element("items-controls").hidden = false;
  const select = element("items-filter");
  select.replaceChildren();
  for (const [name, [words, test]] of Object.entries(FILTERS)) {
    const number = content.items.filter((_, item) => test(own, item, base)).length;
    if (name === "all" || number) select.append(make("option", { value: name }, `${words} (${number.toLocaleString("en")})`));
  }
  const draw = () => itemTable(content, own, base, code, FILTERS[select.value][1]);
  select.onchange = draw;
  draw();
}

function itemTable(content, own, base, code, test) {
  const places = content.items.map((_, item) => item).filter((item) => test(own, item, base));
  const node = make("table", { id: "items-table", class: "display" });
  element("items-body").replaceChildren(node);
  const searched = (item) => JSON.stringify(content.items[item]) + (own.raw?.[item] ?? "");
  const column = (title, width, shown, plain) => ({
    title, width, className: "part", data: null, orderable: Boolean(plain === own.credit),
    render: (_, type, item) => (type === "display" ? shown(item) : plain === own.credit ? own.credit[item] : searched(item)),
  });
  new DataTable(node, {
    data: places, order: [], pageLength: 10, lengthMenu: [10, 25, 100], autoWidth: false,
    columns: [
      column("Prompt", "48%", (item) => prompt(content, item, code)),
      column("Answer", "37%", (item) => answer(content, own, item, code)),
      column("Result", "15%", (item) => result(content, own, item), own.credit),
    ],
    language: { search: "Search the items", emptyTable: "No item.", zeroRecords: "No item holds this." },
  });
}

// Prompts may mix English instructions with the language: each line takes the direction of its own text.
const text = (words, code, extra = "") => `<div class="text ${extra}" lang="${code}" dir="auto"${extra ? ' tabindex="0"' : ""}>${escaped(words)}</div>`;

function prompt(content, item, code) {
  const { id, prompt: words } = content.items[item];
  return `<div class="small">Item ${escaped(String(id))}</div>${words.trim() ? text(words, code, "prompt") : '<div class="small">Nothing stands before the options.</div>'}`;
}

function answer(content, own, item, code) {
  const { options, gold, answers } = content.items[item];
  const parts = [];
  if (own.raw) parts.push(`<div class="small">Generated</div>${own.raw[item].trim() ? text(own.raw[item].trim(), code) : "<em>nothing</em>"}`);
  if (own.unparsed?.includes(item)) parts.push('<div class="small">No answer could be read from this.</div>');
  options.forEach((words, option) => {
    const picked = own.chosen[item] === option;
    const marks = [picked ? "predicted" : "", gold === option ? "gold" : ""].filter(Boolean).join(", ");
    const score = own.scores ? own.scores[item * options.length + option].toFixed(2).replace("-", "−") : "";
    parts.push(`<div class="option${picked ? " chosen" : ""}">${text(words.trim(), code)}<span title="log-likelihood">${score}</span><span class="marks">${content.options[option]}${marks ? `: <strong>${marks}</strong>` : ""}</span></div>`);
  });
  if (answers) parts.push(`<div class="small">Gold</div>${answers.map((words) => text(words, code)).join("")}`);
  return parts.join("");
}

function result(content, own, item) {
  const credit = own.credit[item];
  const words = credit === 1 ? "right" : credit === 0 ? "wrong" : content.options.length ? "tie" : `F1 ${(credit * 100).toFixed(0)} %`;
  const others = content.answers.filter((part) => part.credit[item] === 1).length;
  return `<span class="result ${credit === 1 ? "right" : credit === 0 ? "wrong" : ""}">${words}</span><div class="small">right in ${others} of ${count(content.answers.length, "system")}</div>`;
}

// -- start ------------------------------------------------------------------------------------

for (const [place, { name }] of study.benchmarks.entries()) element("benchmark").append(make("option", { value: place }, name));
element("benchmark").addEventListener("change", (event) => {
  chosen.benchmark = study.benchmarks[event.target.value];
  languageChoices();
  show();
});
element("measure").addEventListener("change", (event) => { chosen.measure = event.target.value; show(); });
element("controls").addEventListener("submit", (event) => event.preventDefault());
element("cells").addEventListener("keydown", move);
for (const name of ["mouseover", "focusin"]) element("cells").addEventListener(name, tell);
for (const name of ["mouseleave", "focusout"]) element("cells").addEventListener(name, () => { element("tip").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") element("tip").hidden = true; });
element("cells").addEventListener("click", (event) => {
  const target = event.target.closest(".cell");
  if (target) open(Number(target.dataset.system), Number(target.dataset.column));
});
element("close").addEventListener("click", () => element("items").close());
facets();
languageChoices();
show();
document.documentElement.dataset.ready = Math.round(performance.now());
