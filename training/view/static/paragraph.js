// One tagged paragraph to accept, reject or add topics to.

import { evidenceOf, showEvidence } from "./evidence.js";
import { ask, find, make, number, percent, say, showProblem } from "./page.js";

export class Paragraph {
  constructor(row, at, total, about) {
    this.row = row;
    this.about = about;
    this.busy = Promise.resolve();
    this.evidence = about.model ? evidenceOf({ row: row.row }) : null;
    this.shownTopic = null;
    const head = `paragraph-${row.row}`;
    this.state = make("span", { className: "mark-corrected" });
    this.text = make("p", { className: "text", dir: "auto", id: `${head}-text` }, row.text);
    this.line = make("p", { className: "evidence", hidden: true });
    this.topics = make("ul", { className: "topics", "aria-label": "Topics" });
    this.actions = make("div", { className: "actions" });
    this.element = make("article", { className: "paragraph", tabIndex: 0, "aria-labelledby": head, "aria-describedby": `${head}-text`, "aria-posinset": at, "aria-setsize": total },
      make("h3", { className: "head", id: head },
        make("span", {}, row.paragraph_id ?? "without id"),
        row.date ? make("span", {}, row.date) : null, this.state),
      this.text, row.longer ? make("p", { className: "note" }, `… ${number(row.longer)} more characters`) : null,
      this.topics, this.line, this.actions);
    this.buttons();
    this.draw();
  }

  get own() { return this.row.topics.map(([topic]) => topic); }
  get chosen() { return this.row.correction ?? this.own; }

  /** Tags as the file has them, with what was added after them. */
  draw() {
    const added = this.chosen.filter(topic => !this.own.includes(topic));
    const entries = [...this.row.topics, ...added.map(topic => [topic, null])];
    const focused = this.topics.contains(document.activeElement) ? document.activeElement.dataset.topic : undefined;
    this.topics.replaceChildren(...entries.map(([topic, probability], at) => this.chip(topic, probability, at)));
    if (!entries.length) this.topics.append(make("li", { className: "none" }, "no topic"));
    if (focused !== undefined) ([...this.topics.querySelectorAll("button")].find(button => button.dataset.topic === focused) ?? this.element).focus();
    const corrected = this.row.correction !== null;
    this.element.classList.toggle("corrected", corrected);
    const same = corrected && this.chosen.length === this.own.length && this.own.every(topic => this.chosen.includes(topic));
    this.state.textContent = corrected ? (same ? "✓ accepted" : "✓ corrected") : "";
    this.undoButton.disabled = !corrected;
  }

  chip(topic, probability, at) {
    const set = this.chosen.includes(topic);
    const classes = ["topic", this.own.includes(topic) ? "" : "added", topic === this.shownTopic ? "shown" : ""];
    const button = make("button", { type: "button", className: classes.filter(Boolean).join(" "), "aria-pressed": String(set), title: this.about.definitions.get(topic) ?? "" },
      at < 9 ? make("span", { className: "number", "aria-hidden": "true" }, String(at + 1)) : null,
      make("span", { className: "name" }, topic),
      probability === null ? null : make("span", { className: "p" }, percent(probability)));
    button.dataset.topic = topic;
    button.addEventListener("click", () => this.toggle(topic));
    return make("li", {}, button);
  }

  buttons() {
    const button = (label, key, action) => {
      const made = make("button", { type: "button", "aria-keyshortcuts": key }, `${label} `, make("kbd", { "aria-hidden": "true" }, key));
      made.addEventListener("click", action);
      return made;
    };
    this.undoButton = button("Undo", "u", () => this.undo());
    this.addButton = button("Add topic", "t", () => this.openAdd());
    this.actions.append(button("Accept", "a", () => this.accept()), this.addButton, button("No topic", "x", () => this.save([])), this.undoButton);
    if (this.evidence) this.actions.append(button("Evidence", "e", () => this.nextEvidence()));
  }

  accept() { return this.save(this.chosen); }

  toggle(topic) {
    const set = this.chosen.includes(topic);
    return this.save(set ? this.chosen.filter(other => other !== topic) : [...this.chosen, topic]);
  }

  toggleNumber(number) {
    const chip = this.topics.querySelectorAll("button")[number - 1];
    if (chip) this.toggle(chip.dataset.topic);
  }

  save(topics) {
    return this.send("PUT", { row: this.row.row, topics }, told => `Saved: ${told.correction.join(", ") || "no topic"}.`);
  }

  undo() {
    if (this.row.correction !== null) this.send("DELETE", { row: this.row.row }, () => "The correction was undone.");
  }

  /** One after the other, so that quick keys arrive in their order; on failure what was before is shown again. */
  send(method, body, message) {
    const before = this.row.correction;
    this.row.correction = method === "PUT" ? body.topics : null;
    this.draw();
    this.state.textContent = "saving …";
    this.busy = this.busy.then(async () => {
      try {
        const told = await ask("/api/corrections", { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
        showProblem(null);
        this.about.tags.corrected = told.corrected;
        this.about.showCorrected();
        say(message(told));
      } catch (problem) {
        this.row.correction = before;
        showProblem(problem);
      }
      this.draw();
    });
    return this.busy;
  }

  openAdd() {
    if (this.adding) return this.adding.querySelector("input").focus();
    const input = make("input", { list: "all-topics", autocomplete: "off", "aria-label": "Topic to add; Enter adds, Escape cancels", placeholder: "topic, then Enter" });
    this.adding = make("form", {}, input, make("button", { type: "submit" }, "Add"));
    this.adding.addEventListener("submit", event => {
      event.preventDefault();
      const topic = input.value.trim();
      if (!topic) return this.closeAdd();
      this.closeAdd();
      if (!this.chosen.includes(topic)) this.save([...this.chosen, topic]);
    });
    input.addEventListener("keydown", event => {
      if (event.key === "Escape") this.closeAdd();
      event.stopPropagation();
    });
    this.addButton.after(this.adding);
    input.focus();
  }

  closeAdd() {
    this.adding.remove();
    this.adding = null;
    this.element.focus();
  }

  /** The evidence of the first topic, of the next, …, then the plain text again. */
  async nextEvidence() {
    if (!this.evidence) return;
    try {
      const { topics } = await this.evidence();
      const next = topics[topics.findIndex(entry => entry.topic === this.shownTopic) + 1];
      this.shownTopic = next?.topic ?? null;
      if (next) {
        showEvidence(next, this.text, this.line);
        say(this.line.textContent);
      } else {
        this.text.replaceChildren(this.row.text);
        this.line.hidden = true;
        say("Evidence is off.");
      }
      this.draw();
    } catch (problem) {
      showProblem(problem);
    }
  }
}
