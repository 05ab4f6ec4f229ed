// The face of a model: an article in, its paragraphs with topics and evidence out.

import { evidenceOf, showEvidence } from "./evidence.js";
import { ask, find, make, percent, showProblem } from "./page.js";

let latest = 0;

export function startArticle(about) {
  const definitions = new Map(about.topics.map(topic => [topic.id, topic.definition]));
  find("article-form").addEventListener("submit", event => {
    event.preventDefault();
    tag(find("text").value, "text/plain", definitions);
  });
  find("file").addEventListener("change", async () => {
    const file = find("file").files[0];
    if (!file) return;
    const html = /\.html?$/i.test(file.name);
    if (!html && file.size < 2_000_000) find("text").value = await file.text();
    await tag(file, html ? "text/html" : "text/plain", definitions);
  });
}

async function tag(body, kind, definitions) {
  const mine = ++latest;
  showProblem(null);
  try {
    const { paragraphs } = await ask("/api/article", { method: "POST", body, headers: { "content-type": kind } });
    if (mine !== latest) return;
    const tagged = paragraphs.filter(paragraph => paragraph.topics.length).length;
    find("told").textContent = `${paragraphs.length} paragraph${paragraphs.length === 1 ? "" : "s"}, ${tagged} with topics`;
    const shown = paragraphs.map((paragraph, at) => paragraphElement(paragraph, at, definitions));
    find("tagged").replaceChildren(...shown.map(each => each.element));
    for (const each of shown) {
      if (mine !== latest) return;
      await each.explain();
    }
  } catch (problem) {
    if (mine === latest) showProblem(problem);
  }
}

function paragraphElement(paragraph, at, definitions) {
  const text = make("p", { className: "text", dir: "auto" }, paragraph.text);
  const line = make("p", { className: "evidence", hidden: true });
  const evidence = evidenceOf(paragraph);
  const buttons = new Map();
  const show = async topic => {
    const { topics } = await evidence();
    const entry = topics.find(each => each.topic === topic);
    if (!entry) return;
    showEvidence(entry, text, line);
    for (const [name, button] of buttons) {
      button.classList.toggle("shown", name === topic);
      button.setAttribute("aria-pressed", name === topic);
    }
  };
  const chips = paragraph.topics.map(([topic, probability]) => {
    const button = make("button", { type: "button", className: "topic look", title: definitions.get(topic) ?? "", "aria-pressed": "false" },
      make("span", { className: "name" }, topic), make("span", { className: "p" }, percent(probability)));
    button.addEventListener("click", () => show(topic).catch(showProblem));
    buttons.set(topic, button);
    return make("li", {}, button);
  });
  const list = chips.length ? make("ul", { className: "topics", "aria-label": "Topics; select one for its evidence" }, ...chips) : make("p", { className: "none" }, "no topic");
  const longer = paragraph.longer ? make("p", { className: "note" }, `… ${paragraph.longer} more characters`) : null;
  const element = make("article", { className: "paragraph", "aria-label": `Paragraph ${at + 1}` },
    make("p", { className: "head" }, `Paragraph ${at + 1}`), text, longer, list, line);
  return { element, explain: () => (chips.length ? show(paragraph.topics[0][0]) : Promise.resolve()) };
}
