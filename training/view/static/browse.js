// The face of tags: filters, pages of paragraphs, and the keys.

import { ask, find, make, number, say, showProblem } from "./page.js";
import { Paragraph } from "./paragraph.js";

const FIELDS = ["words", "topic", "everywhere", "low", "high", "since", "until", "state", "order"];
const DEFAULTS = { topic: "any", state: "all", order: "file" };
const asker = crypto.randomUUID();
let questions = 0;
let about, paragraphs = [], places = [null], last = null, waiting = new AbortController(), counting = new AbortController();

export function startBrowse(told) {
  about = told;
  about.definitions = new Map(about.topics.map(topic => [topic.id, topic.definition]));
  about.showCorrected = showCorrected;
  fillFields();
  restore();
  showCorrected();
  find("filters").addEventListener("submit", event => { event.preventDefault(); load([null]); });
  find("filters").addEventListener("change", () => load([null]));
  find("filters").addEventListener("reset", () => setTimeout(() => load([null])));
  find("next").addEventListener("click", nextPage);
  find("previous").addEventListener("click", previousPage);
  find("paragraphs").addEventListener("keydown", onKey);
  load([null]);
}

function fillFields() {
  const { tags } = about;
  const counts = new Map(tags.topics);
  const known = [...tags.topics.map(([topic]) => topic), ...tags.every.filter(topic => !counts.has(topic))];
  find("topic").append(
    make("option", { value: "any" }, `any (${number(tags.rows)})`),
    make("option", { value: "untagged" }, `no topic (${number(tags.untagged)})`),
    ...known.map(topic => make("option", { value: `topic:${topic}` }, `${topic} (${number(counts.get(topic) ?? 0)})`)));
  find("months").append(...tags.months.map(([month, count]) => make("option", { value: month }, number(count))));
  find("dates").hidden = tags.months.length === 0;
  find("everywhere-label").hidden = tags.every.length === 0;
  for (const element of document.querySelectorAll(".needs-model")) element.hidden = !about.model;
  const list = make("datalist", { id: "all-topics" }, ...about.topics.map(topic => make("option", { value: topic.id }, topic.name || topic.id)));
  document.body.append(list);
}

/** The fields that are not as they are at first. */
function wanted() {
  const fields = new FormData(find("filters"));
  const asked = new URLSearchParams();
  for (const name of FIELDS) {
    const value = String(fields.get(name) ?? "").trim();
    if (value && value !== DEFAULTS[name]) asked.set(name, value);
  }
  return asked;
}

/** Filters stay in the address, so that a page that is loaded again shows the same. */
function restore() {
  const asked = new URLSearchParams(location.search);
  for (const name of FIELDS) {
    const field = find(name);
    if (!asked.has(name)) continue;
    if (field.type === "checkbox") field.checked = asked.get(name) === "1";
    else if (field.tagName !== "SELECT" || [...field.options].some(option => option.value === asked.get(name))) field.value = asked.get(name);
  }
}

/** The server gives up a question for a newer one of the same page. They may arrive in any order. */
function identify(query) {
  query.set("asker", asker);
  query.set("question", ++questions);
}

async function load(newPlaces, focus = null) {
  if (!find("filters").reportValidity()) return;
  const asked = wanted();
  history.replaceState(null, "", `${location.pathname}${asked.size ? `?${asked}` : ""}${location.hash}`);
  waiting.abort();
  const mine = waiting = new AbortController();
  const anew = newPlaces.length === 1;
  find("paragraphs").setAttribute("aria-busy", "true");
  if (anew) count(asked);
  const query = new URLSearchParams(asked);
  identify(query);
  if (newPlaces.at(-1) !== null) query.set("after", JSON.stringify(newPlaces.at(-1)));
  try {
    const { rows } = await ask(`/api/paragraphs?${query}`, { signal: mine.signal });
    if (mine !== waiting) return;
    showProblem(null);
    places = newPlaces;
    show(rows, focus);
  } catch (problem) {
    if (mine === waiting && problem.name !== "AbortError") showProblem(problem);
  } finally {
    if (mine === waiting) find("paragraphs").setAttribute("aria-busy", "false");
  }
}

/** A count goes on while pages are turned, and is given up only for another filter. */
async function count(asked) {
  counting.abort();
  const mine = counting = new AbortController();
  find("count").textContent = "counting …";
  const query = new URLSearchParams(asked);
  identify(query);
  try {
    const told = await ask(`/api/count?${query}`, { signal: mine.signal });
    if (mine === counting) find("count").textContent = `${number(told.count)} of ${number(about.tags.rows)} paragraphs`;
  } catch {
    if (mine === counting) find("count").textContent = "";
  }
}

function show(rows, focus) {
  const before = (places.length - 1) * about.tags.page;
  paragraphs = rows.map((row, at) => new Paragraph(row, before + at + 1, -1, about));
  last = rows.at(-1)?.place ?? null;
  find("paragraphs").replaceChildren(...paragraphs.map(paragraph => paragraph.element));
  if (!rows.length) find("paragraphs").append(make("p", { className: "empty" }, before ? "That was the last page." : "No paragraph is like that. Ask for less."));
  find("previous").disabled = places.length === 1;
  find("next").disabled = rows.length < about.tags.page;
  if (focus && rows.length) paragraphs.at(focus === "last" ? -1 : 0).element.focus();
}

function nextPage() {
  if (!find("next").disabled) load([...places, last], "first");
}

function previousPage() {
  if (places.length > 1) load(places.slice(0, -1), "first");
}

function showCorrected() {
  const { tags } = about;
  find("corrected").textContent = `${number(tags.corrected)} corrected, in ${tags.corrections}`;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const at = paragraphs.findIndex(paragraph => paragraph.element.contains(event.target));
  if (at < 0) return;
  const own = paragraphs[at];
  const actions = {
    j: () => go(at + 1), k: () => go(at - 1), ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1),
    a: () => own.accept(), x: () => own.save([]), u: () => own.undo(), t: () => own.openAdd(), e: () => own.nextEvidence(),
    n: nextPage, p: previousPage, "/": () => find("words").focus(), "?": () => { find("keys").open = !find("keys").open; },
  };
  const action = /^[1-9]$/.test(event.key) ? () => own.toggleNumber(Number(event.key)) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function go(at) {
  if (at >= 0 && at < paragraphs.length) {
    paragraphs[at].element.focus();
  } else {
    say(at < 0 ? "This is the first paragraph of the page." : "This is the last paragraph of the page; n goes to the next.");
  }
}
