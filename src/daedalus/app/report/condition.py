"""The condition of a run: how it ended, in words, where it did not end well."""

from __future__ import annotations

from daedalus.app.report.markup import text
from daedalus.app.report.record import FINISHED, Record
from daedalus.execution import rounds_done


def condition(record: Record) -> str:
    """What stands above everything else on the page of a run that is not finished: the cause, and what to do."""
    status = str(record.noted.get("status"))
    if status == FINISHED:
        return ""
    title, *sentences = _told(record, status)
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return f'<aside class="warning" role="note"><p><strong>{text(title)}</strong></p>{body}</aside>'


def _told(record: Record, status: str) -> list[str]:
    """A title, and sentences whose parts are escaped."""
    done = 0 if record.history is None else rounds_done(record.history)
    rounds = f"{done} of {record.noted.get('rounds') or record.configured.get('rounds') or 'its'} rounds"
    command = lambda word: f"<code>daedalus {word} {text(record.place)}</code>"
    kept = f"{text(rounds.capitalize())} are on record"
    unmeasured = "" if record.measured else ", and no design was measured on fresh events"
    ending = f"{kept}{unmeasured}."
    if status == "failed":
        cause = text(record.noted.get("cause") or "no cause was noted")
        again = f"{command('replay')} evaluates a point again whose loss was not finite. " if done else ""
        return [
            "This run failed.",
            f"Cause: {cause}",
            f"{ending} The file log.jsonl says what happened when. {again}"
            f"When the cause is removed, {command('resume')} goes on from the last rounds that were kept.",
        ]
    if status == "interrupted":
        return [
            "This run was ended before its last round.",
            *([f"Cause: {text(record.noted['cause'])}"] if record.noted.get("cause") else []),
            f"{ending} What is called optimised is then the row of lowest loss, which is a lucky one. "
            f"{command('resume')} goes on.",
        ]
    return [
        f"This run is not finished ({status}).",
        f"{ending} It was going on when this page was written, or it was killed: {command('status')} says which, "
        f"{command('resume')} goes on with one that was killed, and {command('report')} writes this page anew.",
    ]
