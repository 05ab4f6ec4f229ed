// Why a topic: the text of a paragraph with what spoke for and against it marked.

import { ask, make, percent } from "./page.js";

/** The evidence of a row of the tags, or of a text; asked for once. */
export function evidenceOf(source) {
  let asked = null;
  return () => {
    asked ??= source.row === undefined
      ? ask("/api/evidence", { method: "POST", body: source.text, headers: { "content-type": "text/plain" } })
      : ask(`/api/evidence?row=${source.row}`, { method: "POST" });
    asked.catch(() => { asked = null; });
    return asked;
  };
}

/** Put the marked text into `place` and the terms into `line`. */
export function showEvidence(entry, place, line) {
  place.replaceChildren(...entry.pieces.map(([text, level]) =>
    level === 0 ? document.createTextNode(text) : make("mark", level < 0 ? { className: "against" } : {}, text)));
  const reached = entry.probability >= entry.threshold;
  const verdict = reached ? "reaches" : "does not reach";
  // A fallback tags the nearest topic; of topics that exclude one another the most probable one is tagged.
  const why = entry.tagged === reached ? "" : entry.tagged ? " (tagged as the nearest topic)" : " (not tagged: another topic is nearer)";
  const told = [make("b", {}, entry.topic), ` ${percent(entry.probability)} ${verdict} its threshold ${percent(entry.threshold)}${why}`];
  if (entry.for.length) told.push(". For: ", make("b", {}, entry.for.join(", ")));
  if (entry.against.length) told.push(". Against: ", entry.against.join(", "));
  line.replaceChildren(...told);
  line.hidden = false;
}
