"""Writes the counts and the agreement in data/README.md anew: python experiments/corpus/card.py"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np

from training.codebook import load_codebook

DATA = Path(__file__).parents[2] / "data"
BEGIN, END = "<!-- written by experiments/corpus/card.py -->", "<!-- end -->"


def read(pattern: str) -> list[dict[str, Any]]:
    paths = sorted(DATA.glob(pattern))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def alpha(a: np.ndarray, b: np.ndarray) -> float:
    pair = np.stack([a.ravel(), b.ravel()]).astype(float)
    return float(krippendorff.alpha(pair, level_of_measurement="nominal", value_domain=[0.0, 1.0]))


def tables() -> str:
    rows, topics = read("paragraphs/*.jsonl"), load_codebook(DATA / "codebook.yaml").topic_ids
    first, second, settled = (
        {record["paragraph_id"]: set(record["topics"]) for record in read(f"annotation/{name}.jsonl")}
        for name in ("first", "second", "settled")
    )
    ids = sorted(second)
    a, b = (np.array([[t in labels[name] for t in topics] for name in ids]) for labels in (first, second))
    support = Counter(topic for row in rows for topic in row["topics"])
    lengths = sorted(len(row["text"].split()) for row in rows)
    words = [word for row in rows for word in re.findall(r"\w+", row["text"].lower())]
    half = len(words) // 2
    several = np.mean([len(row["topics"]) > 1 for row in rows])
    none = np.mean([not row["topics"] for row in rows])
    lines = [
        f"- {len(rows):,} paragraphs in {len({row['article_id'] for row in rows}):,} articles, {len(words):,} words; "
        f"{none:.0%} carry no topic, {several:.0%} two or more.",
        f"- Length in words: median {lengths[len(lengths) // 2]}, a tenth below {lengths[len(lengths) // 10]}, a tenth "
        f"above {lengths[9 * len(lengths) // 10]}, the longest {lengths[-1]}.",
        f"- Vocabulary: {len(set(words)):,} distinct words, {len(set(words[:half])):,} of them in the first half.",
        f"- Dates: {min(row['date'] for row in rows)} to {max(row['date'] for row in rows)}.",
        f"- Two passes over {len(ids):,} paragraphs: the same topics on {np.mean((a == b).all(axis=1)):.1%}, "
        f"Krippendorff's alpha {alpha(a, b):.3f} overall; {len(settled):,} paragraphs were settled.",
        "",
        "| topic | paragraphs | alpha |",
        "|---|---|---|",
        *(f"| {topic} | {support[topic]} | {alpha(a[:, at], b[:, at]):.3f} |" for at, topic in enumerate(topics)),
        "",
        "| file | articles | paragraphs | world |",
        "|---|---|---|---|",
    ]
    for path in sorted(DATA.glob("paragraphs/*.jsonl")):
        own = [row for row in rows if row["article_id"].split("-")[0] == path.stem]
        lines.append(
            f"| {path.name} | {len({row['article_id'] for row in own})} | {len(own)} | {WORLDS.get(path.stem, '')} |"
        )
    voices = Counter(re.split(r"[,(/;]", row["voice"].lower())[0].strip() for row in rows)
    lines += [
        "",
        "Voices with 50 paragraphs or more: " + ", ".join(f"{v} {n}" for v, n in voices.most_common() if n >= 50) + ".",
    ]
    return "\n".join(lines)


WORLDS = {
    "city": "cartels and gangs, capitals in crisis, occupied cities; most hard negatives",
    "desert": "deserts, oases, river valleys; militias with patrons, coalitions, remnants",
    "front": "wars between states, breakaway regions, seas and straits, sanctions and exchanges",
    "highland": "mountain and jungle insurgencies, communal unrest, peace processes",
    "notes": "plain agency prose and event-database notes from everywhere",
    "savannah": "Sahel-, lake- and forest-like regions, coups, displacement, aid, piracy",
    "wire": "short agency items, one event each, with near misses",
    "dispatch": "plain leads: close contrasts, communiqués, captions, crime and disaster beside conflict",
    "brief": "plain leads: state media, translated press, diplomacy desk, protests and coups",
    "desk": "business, markets, courts, accidents, sport: nearly all without topic",
    "assembly": "speeches at an assembly of nations, current-events notes: nearly all without topic",
    "exchange": "money, trade and its law: mostly without topic",
    "podium": "speeches, diplomacy, politics: mostly without topic",
    "docket": "courts, crime, accidents, disasters, sport, society: mostly without topic",
    "leads": "leads of one main event, over all topics",
    "relay": "longer reports that relay several outlets: units moved, defections, patrons, rivals",
    "ledger": "arms found, devices before they go off, vague words made clear",
    "gazette": "crowds and police, mobs, poison gas, abuse, agreements, people held",
    "capsule": "short plain items: people taken and freed, arrests, harm to civilians without a weapon named; two events in one sentence",
    "roundup": "dense paragraphs that relay several outlets, three to five events each",
    "parley": "truces, talks, exchanges, sanctions in agency prose, and their near misses",
    "floor": "speeches before assemblies, parliaments, chronicles of the day, companies and markets; mostly without topic",
    "sitrep": "war summaries, military statements, monitors' daily notes",
    "lede": "opening sentences of agency reports: one main event, a second in a clause, over all topics",
    "incident": "event-database prose of a monitor, one line each",
    "caucus": "politics, diplomacy, society, accidents; mostly without topic",
    "dossier": "human-rights reports, situation reports, findings of commissions",
    "courier": "regional newspapers in their own turns of phrase",
    "ticker": "explosions, devices found and defused, arms hauls, gunfights: regional newspaper English",
    "precinct": "police and courts of troubled provinces, ordinary crime beside security cases",
    "hamlet": "civilians as victims and what follows",
    "rostrum": "speeches, editorials, budgets, markets, accidents with the words of war; mostly without topic",
    "column": "a day's fighting and politics in two to four sentences, over all topics",
    "bureau": "reports that relay several outlets on a divided country and its foreign-backed militias",
    "corridor": "the same on insurgencies, juntas and peacekeepers elsewhere",
    "annals": "notes of an event database by day and place, plain and cautious, over all topics",
    "concord": "truces, settlements, surrenders and exchanges, and what only sounds like them",
    "witness": "violence against civilians, and clashes and ordinary crime beside it",
    "lectern": "speeches, markets, courts, science, sport, anniversaries; mostly without topic",
    "chronicle": "a chronicle of current events in the present tense, half of it without topic",
    "logbook": "notes of an event database on what is not a battle",
    "assault": "notes on attacks: means and targets evenly, vague ones too",
    "station": "radio and morning briefings, two to four events in a paragraph",
    "chamber": "what taggers mistake: speeches, business, parties, courts, sport; mostly without topic",
    "warrant": "arrests, trials and releases in security cases beside ordinary police news",
    "arsenal": "weapons and devices found, seized and defused, beside those that went off",
    "square": "crowds: peaceful, violent, put down, and what only looks like them",
    "frontier": "ground won and lost, with and without a fight; bases and columns",
    "calamity": "disasters, organised crime, diplomacy; mostly without topic",
    "tribune": "whole reports on garrisons, militias and their patrons: moves, defections, rivals, recruits",
    "mission": "whole reports of UN offices, monitors and aid agencies",
    "interior": "whole reports on unrest and insurgency inside states",
    "ministry": "whole reports on interstate tension and war",
    "parliament": "politics, economy, society in countries at war and elsewhere; mostly without topic",
    "custody": "arrests and what follows, as if from the middle of reports on unrest",
    "registry": "what taggers mistake: courts, sanctions of other kinds, accidents, trade talks, drills; mostly without topic",
    "dateline": "agency leads with a second or third event in a clause; place taken with and without a fight",
    "accord": "ordinary agency prose: deals between armed sides and what they bring",
    "blotter": "local police news in times of unrest",
    "bulletin": "ordinary agency prose: attacks, fighting, places taken and lost, bombs",
    "digest": "ordinary agency prose: deals, arrests, protests, supplies, moves, rivals",
    "cable": "ordinary agency prose of other desks, some with a topic in passing; mostly without topic",
    "plain": "plainest leads: attacks on civilians, deals, arrests, strikes of every sort, posts lost and held",
    "bourse": "markets, commodities, companies, trade, in the ordinary words of agencies; mostly without topic",
    "emergency": "crime, courts, accidents, disasters, in the words that war news uses too; mostly without topic",
    "unrest": "protests, crackdowns, coups, trials and ordinary politics, in ordinary words",
    "watchdog": "rights bodies, aid agencies and UN offices, in their officialese",
    "communique": "foreign ministries, envoys, councils: half of it talk without topic",
    "almanac": "a chronicle of current events in the present tense, of many countries a day",
    "newsroom": "standard wire reports on wars and insurgencies, with reactions and background",
    "plenary": "speeches of delegates; mostly without topic",
    "herald": "national newspapers on insurgency and army operations",
    "monitor": "notes of conflict monitors, all topics evenly",
    "flashpoint": "short plain notes of attacks and movements",
    "outlook": "analysis, explainers, chronologies; half without topic",
    "sentinel": "police and army notes in the English of several continents",
    "courant": "whole reports that relay several outlets: attack, flight, arrests, moves, politics",
    "standard": "general news of today; mostly without topic",
    "register": "governments and parliaments; mostly without topic",
    "envoy": "agreements of every kind, half of them no truce",
    "killings": "stock phrases of civilian harm, killings of chosen persons, abduction, and the same words in other senses",
    "arrests": "stock phrases of detention, arms seized, patrols and checkpoints",
    "clashes": "stock phrases of battles and ground won and lost",
    "movements": "stock phrases of repositioning, reinforcement, exercises, recruitment",
    "ranks": "stock phrases of defection, commanders, rivalry, arms supplies",
    "strikes": "stock phrases of strikes by aircraft, drones, guns and bombs",
    "accords": "stock phrases of truces, exchanges, sanctions, protest",
    "relief": "stock phrases of displacement, aid, damage",
    "sorties": "two-line agency items on battles and strikes",
    "victims": "two-line agency items on attacks on people and places",
    "seizures": "two-line agency items on arrests, finds, blockades, supplies, embargoes",
    "postings": "two-line agency items on moves, exercises, recruits, defectors, commanders, rivals",
    "convoys": "two-line agency items on flight, aid, truces, exchanges, protests",
    "sundries": "two-line items of other news; mostly without topic",
}


if __name__ == "__main__":
    card = DATA / "README.md"
    before, rest = card.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    card.write_text(f"{before}{BEGIN}\n{tables()}\n{END}{after}", encoding="utf-8")
