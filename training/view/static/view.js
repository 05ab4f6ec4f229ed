// The page: what there is to look at decides which faces it has.

import { startArticle } from "./article.js";
import { startBrowse } from "./browse.js";
import { ask, find, showProblem } from "./page.js";

async function start() {
  const address = new URL(location.href);
  address.searchParams.delete("token"); // it stays as a cookie; the address may be shown to others
  history.replaceState(null, "", address);
  const about = await ask("/api/about");
  const { tags, model } = about;
  find("title").textContent = tags ? tags.name : model;
  document.title = `${find("title").textContent} – conflict-topics`;
  find("subtitle").textContent = subtitle(about);
  if (model) startArticle(about);
  if (tags) startBrowse(about);
  find("faces").hidden = !(tags && model);
  const face = () => {
    const article = Boolean(model) && (!tags || location.hash === "#article");
    find("article").hidden = !article;
    find("browse").hidden = article;
    find("to-article").toggleAttribute("aria-current", article);
    find("to-browse").toggleAttribute("aria-current", !article);
  };
  addEventListener("hashchange", face);
  face();
}

function subtitle({ tags, model, topics }) {
  if (!tags) return `${topics.length} topics. Paste an article to see what this model makes of it.`;
  const made = tags.models.length ? `Tagged by ${tags.models.join(", ")}.` : "";
  const other = model && !tags.models.includes(model) ? ` Evidence is of another model, ${model}.` : "";
  return made + other;
}

start().catch(showProblem);
