"""``conflict-topics review queue``, ``review import`` and ``review audit``"""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.options import a_period, model_argument, set_option

_force = click.option("--force", is_flag=True, help="Replace existing output, which may hold labels by now.")


@click.group(short_help="What to label next, labels back in, labels that look wrong.")
def review() -> None:
    """The labelling loop: queue, label (in Label Studio or a spreadsheet), import, train, and again.

    \b
    Examples:
      conflict-topics review queue experiments/models/default archive/ --output round-1/
      conflict-topics review import round-1/queue.csv --codebook data/codebook.yaml --output labelled/round-1.jsonl
    """


@review.command(short_help="Pick the paragraphs to label next.")
@model_argument
@click.argument("archive", metavar="ARCHIVE...", nargs=-1, required=True)
@click.option("-n", "--number", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--random", "share", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share drawn at random."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder for every format, or a file ending in .json .xml .jsonl .csv.",
)
@click.option(
    "--labelled", multiple=True, metavar="FILE", help="Labelled already: leave near-duplicates out. May be repeated."
)
@click.option("--before", metavar="MODEL", help="The model of the round before: says whether labelling still helps.")
@click.option("--codebook", metavar="FILE", help="For the hints and for topics not learned yet [that of the model].")
@click.option(
    "--from", "since", metavar="DATE", callback=a_period, help="Only paragraphs of that year, month or day, or later."
)
@click.option(
    "--to", "until", metavar="DATE", callback=a_period, help="… or earlier, e.g. 2020-03: up to its last day."
)
@click.option("--blind", is_flag=True, help="Do not show labellers what the model suggests.")
@click.option("--seed", type=click.IntRange(min=0), default=13, show_default=True)
@click.option("--format", "input_format", metavar="SUFFIX", help="Read every input as this, e.g. jsonl or csv.gz.")
@click.option("--text-column", default="text", show_default=True)
@click.option("--date-column", default="date", show_default=True)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Pass an input column through. May be repeated.")
@_force
def queue(
    *,
    model: str,
    archive: tuple[str, ...],
    number: int,
    share: float,
    output: Path,
    labelled: tuple[str, ...],
    before: str | None,
    codebook: str | None,
    since: str | None,
    until: str | None,
    blind: bool,
    seed: int,
    input_format: str | None,
    text_column: str,
    date_column: str,
    keep: tuple[str, ...],
    force: bool,
) -> None:
    """Pick unlabelled paragraphs of ARCHIVE for which MODEL gains most from a label, rare topics first.

    A share is drawn at random, so that its labels also estimate quality. Writes Label Studio tasks with the labelling
    interface, JSONL and CSV. No paragraph is a near-duplicate of another chosen one or of what is labelled already.

    \b
    Example:
      conflict-topics review queue experiments/models/default archive/ --number 100 --output round-1/
    """
    from training import load
    from training.review.archive import read_archive
    from training.review.known import codebook_of, labelled_texts, support_of
    from training.review.label_studio import interface
    from training.review.queue import Asked, make_queue, to_label
    from training.review.write import check_free, write_to_label

    check_free(output, force)
    loaded = load(model)
    book = codebook_of(loaded, codebook)
    found = make_queue(
        loaded,
        read_archive(archive, input_format=input_format, text_column=text_column, date_column=date_column, keep=keep),
        Asked(number, share, seed, since, until),
        support=support_of(loaded),
        labelled=labelled_texts(loaded, labelled),
        codebook=book,
        before=load(before) if before else None,
    )
    topics = [topic.id for topic in book.topics] if book else list(loaded.topics)
    topics += [topic for topic in loaded.topics if topic not in topics]
    paths = write_to_label(
        output,
        to_label(loaded, found.items, blind=blind),
        interface(topics, book, loaded.decision.exclusive),
        force=force,
    )
    click.echo(found.text())
    click.echo("Written: " + ", ".join(str(path) for path in paths))


@review.command("import", short_help="Read labels back in from Label Studio or a spreadsheet.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Labelled records, .jsonl."
)
@click.option("--codebook", metavar="FILE", help="Check topics against this codebook [that of --into, or any topic].")
@click.option(
    "--control", metavar="NAME", help="The name of the Choices tag that holds the topics [topics, or the only one]."
)
@click.option(
    "--into",
    metavar="CONFIG|MODEL",
    help="After review audit: write all its labelled data, with these labels in the place of the old ones.",
)
@set_option
@_force
def import_(
    files: tuple[str, ...],
    output: Path,
    codebook: str | None,
    control: str | None,
    into: str | None,
    overrides: tuple[str, ...],
    force: bool,
) -> None:
    """Read exports of Label Studio (JSON, JSON-MIN, CSV) or filled-in queue files, and write labelled records.

    Skipped tasks and drafts are left out. Where several people labelled a paragraph, their agreement is shown; a topic
    is set if more than half of them set it, and a paragraph with a tie goes to OUTPUT.disagreements.jsonl: put the
    topics in and import it with the rest. A queue file without annotators is one person's, called as the file is, or by
    its whole path where several files have one name.

    What review audit listed stands in the training data already and cannot stand there twice. With --into, OUTPUT holds
    every record of data.train (and OUTPUT.test.jsonl of data.test), new labels in the place of the old ones. Train on
    that in the place of your files, which stay as they are.

    \b
    Examples:
      conflict-topics review import project-1-export.json --codebook data/codebook.yaml --output labelled/round-1.jsonl
      conflict-topics review import audit/queue.csv --into configs/default.yaml --output corrected/paragraphs.jsonl
    """
    from training.codebook import load_codebook
    from training.errors import UserError
    from training.review.corrected import corrected, of_an_audit
    from training.review.known import audited_config, is_model
    from training.review.records import read_all, write_settled
    from training.review.settle import settle

    if output.suffix.lower() != ".jsonl":
        raise UserError(
            f"--output {output}: expected a file ending in .jsonl, which is what labelled records are kept as."
        )
    if overrides and into is None:
        raise UserError("--set: changes keys of the config of --into, which is not given. Give --into CONFIG too.")
    config = audited_config(into, overrides) if into is not None else None
    codebook = codebook or (config.data.codebook if config else None)
    topics = load_codebook(codebook).topic_ids if codebook else None
    settled = settle(read_all(files, control), topics, codebook)
    found = corrected(settled.labelled, config) if config else None
    paths = write_settled(settled, output, into=found, force=force)
    told = [settled.text()]
    if found is not None and into is not None:
        told += [found.text(), found.next_step("CONFIG" if is_model(into) else into, overrides, paths)]
    else:
        told += of_an_audit(settled.labelled)
    click.echo("\n".join(told))
    click.echo("Written: " + ", ".join(str(path) for path in paths.values()))


@review.command(short_help="Labels that are probably wrong, worst first, with evidence.")
@click.argument("config_or_model", metavar="CONFIG|MODEL")
@set_option
@click.option("-n", "--number", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder for every format, or a file ending in .json .xml .jsonl .csv.",
)
@_force
def audit(config_or_model: str, overrides: tuple[str, ...], number: int, output: Path | None, force: bool) -> None:
    """List labelled paragraphs of CONFIG (or of what MODEL was trained on) whose labels deserve a second look.

    Each is scored by a model that never saw its article (confident learning). The output is for labelling again: it
    shows the labels that a paragraph has now, and review import --into CONFIG makes corrected training data of it.

    \b
    Example:
      conflict-topics review audit configs/default.yaml --number 100 --output audit/
      conflict-topics review import audit/queue.csv --into configs/default.yaml --output corrected/paragraphs.jsonl
    """
    from training.review.audit import audit as run
    from training.review.known import audited_config
    from training.review.write import check_free, write_to_label

    if output is not None:
        check_free(output, force)
    found = run(audited_config(config_or_model, overrides), number)
    click.echo(found.text())
    if output is not None:
        paths = write_to_label(output, found.to_label(), found.interface(), force=force)
        click.echo("Written: " + ", ".join(str(path) for path in paths))
