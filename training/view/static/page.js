// Small things that every part of the page uses: elements made of text only, requests, and what is said.

export const find = id => document.getElementById(id);

/** An element with properties, attributes (names with a dash, role, list, …) and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in element && !name.includes("-") && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== null));
  return element;
}

/** JSON from this server. Raises an Error with what the server told. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("The view was stopped: nothing is saved any more. Start the command again.");
  }
  const kind = answer.headers.get("content-type") ?? "";
  const told = kind.startsWith("application/json") ? await answer.json() : { problem: await answer.text() };
  if (!answer.ok) throw new Error(told.problem);
  return told;
}

export function showProblem(problem) {
  const place = find("problem");
  place.hidden = problem === null;
  place.textContent = problem === null ? "" : problem.message;
  if (problem !== null) place.scrollIntoView({ block: "nearest" });
}

/** For screen readers; the same twice in a row is said twice. */
export function say(text) {
  const place = find("said");
  place.textContent = place.textContent === text ? `${text} ` : text;
}

export const number = value => value.toLocaleString("en");
export const percent = value => (value === null ? "" : value.toFixed(2));
