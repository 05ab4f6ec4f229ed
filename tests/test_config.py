from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from training.config import Config, IndicatorTopics
from training.config_file import load_config, parse_config
from training.errors import UserError

ROOT = Path(__file__).parents[1]


def test_default_file_spells_out_every_default() -> None:
    written = yaml.safe_load((ROOT / "configs/default.yaml").read_text())
    assert written == Config(name="default").model_dump(mode="json")


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configs_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHMARKS", "/somewhere")
    config = load_config(path)
    assert config.name
    if path.parent.name == "benchmarks":
        assert set(yaml.safe_load(path.read_text())) <= {"name", "data", "tracking"}


def test_resolved_config_reads_back_the_same() -> None:
    config = parse_config("name: x\nfeatures: {char: null}", where="x", overrides=["seed=7"])
    assert parse_config(config.to_yaml(), where="y") == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("features.word.ngram_rang=[1, 2]", r'features\.word\.ngram_rang: unknown key\. Did you mean "ngram_range"'),
        ("classifer.kind=nbsvm", r'classifer: unknown key\. Did you mean "classifier"'),
        ("classifier.kind=nbsv", r'classifier\.kind: found \'nbsv\'.*Did you mean "nbsvm"'),
        ("split.test_size=2", r"split\.test_size: found 2, expected: .*less than 1"),
        ("seed=true", r"seed: found True, expected: a value that is not true or false"),
        ("split.near_duplicates=on", r"split\.near_duplicates: found True, expected: .*not true or false"),
        ("features.word.ngram_range=[true, 2]", r"features\.word\.ngram_range: expected: .*not true or false"),
        ("search.space={classifier.strength: {low: false, high: 1}}", r"low: found False, expected: .*not true or"),
        ("data.columns.topics={indicators: [no]}", r"topics\.indicators: expected: .*quote it as text"),
        ("features.lead.first_tokens=5000000000", r"first_tokens: found 5000000000, expected: .*less than"),
        ("features.char.weight=1e300", r"weight: found '1e300', expected: .*less than or equal to 1000000"),
        ("classifier.strength=1e-300", r"strength: found '1e-300', expected: .*greater than or equal to"),
        ("classifier.query_emphasis=1.0e+9", r"query_emphasis: found 1000000000\.0, expected: .*less than"),
        ("split.test_size=1e-320", r"test_size: found '1e-320', expected: .*greater than"),
        ("seed=-1", r"seed: found -1, expected: .*greater than or equal to 0"),
        ("features.word.ngram_range=[3, 1]", r"features\.word.*shortest <= longest"),
        ("data.columns.text=0", r"data\.columns: .*name of every column or the position of every column"),
        (
            'data.columns.topics={column: tags, seperator: ";"}',
            r'topics\.seperator: unknown key\. Did you mean "separator"',
        ),
        ("data.columns.topics={indicator: [a]}", r'topics\.indicator: unknown key\. Did you mean "indicators"'),
        ("data.columns.topics={indicators: [a], of: b}", r"topics\.of: unknown key"),
        ("data.columns.topics=1.5", r"topics: found 1\.5"),
        ("Seed=3", r'Seed: unknown key\. Did you mean "seed"'),
        ("features.word={min-df: 3}", r'features\.word\.min-df: unknown key\. Did you mean "min_df"'),
        (".=1", r": unknown key\. Known keys: name"),
        ("seed=2024-13-45", r"--set seed: not valid YAML: month"),
        ("data.train=&a [*a]", r"--set data\.train: not valid YAML: an alias within what it names"),
        ("data={train: x, train: y}", r'--set data: not valid YAML: the key "train" stands twice'),
        ("classifier.strength=.inf", r"classifier\.strength: found inf, expected: .*finite"),
        ("thresholds.shrinkage=.nan", r"thresholds\.shrinkage: found nan"),
        ("tracking=3", r"tracking: found 3"),
        ("features={word: null, char: null, lead: null}", r"features: .*at least one of word, char and lead"),
        ("tracking.registered_model=team/tagger", r"registered_model: found 'team/tagger', expected: .*pattern"),
        ("data.codebook=''", r"data\.codebook: found '', expected: .*at least 1 character"),
        ("seed", r"--set seed: expected KEY=VALUE"),
        ("seed.deeper=3", r'--set seed\.deeper: "seed" holds a value'),
        ("seed=[1", r"--set seed: not valid YAML: .*Quote it if it is text"),
    ],
)
def test_wrong_keys_and_values_are_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config("name: x\nseed: 1", where="x.yaml", overrides=[override])


def _aliases(node: str) -> str:
    """A thousand characters that mean four to the power of twenty values."""
    lines = [f"a{at}: &a{at} {node.format(', '.join([f'*a{at - 1}'] * 4))}" for at in range(1, 21)]
    return "\n".join(["a0: &a0 {x: 1}", *lines, "name: x"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1", "name: required"),
        ("- a", "expected a mapping of keys, found list"),
        ("name: [", "not valid YAML"),
        ('name: x\ndata: {train: "\\ud800"}', "not valid YAML: half of a surrogate pair .*line 2"),
        ('name: x\ndata: {codebook: "\\0"}', "not valid YAML: .*a null character, not text .*line 2"),
        ("name: x\nseed: 3\nname: y", 'not valid YAML: the key "name" stands twice .*line 3'),
        ("name: x\ndata: &d {train: *d}", "not valid YAML: an alias within what it names .*line 2"),
        ("name: " + "[" * 20_000, "not valid YAML"),
        (_aliases("[{}]"), "not valid YAML: more than 1,000,000 values when aliases are written out"),
        (_aliases("{{<<: [{}]}}"), "not valid YAML: more than 1,000,000 values when aliases are written out"),
        ("name: x\ndata: {train: '${NO_SUCH_VARIABLE}/a.jsonl'}", "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_broken_files_are_explained(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(text, where="x.yaml")


def test_missing_file() -> None:
    with pytest.raises(UserError, match="no such config file"):
        load_config("nowhere.yaml")


def test_positions_of_indicator_columns() -> None:
    config = parse_config("name: x\ndata: {columns: {text: 0, topics: {indicators: {1: arson, 2: theft}}}}", where="x")
    assert config.data.columns.by_position
    assert config.data.columns.topics == IndicatorTopics(indicators={1: "arson", 2: "theft"})


def test_environment_variables_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWS", "/data/news")
    config = parse_config("name: x\ndata: {train: '${NEWS}/a.jsonl'}", where="x")
    assert config.data.train == "/data/news/a.jsonl"
