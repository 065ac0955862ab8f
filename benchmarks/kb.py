"""``./hotline bench kb``: how well and how fast knowledge search answers.

Without an option: questions that search may be tuned on (:mod:`benchmarks.kb_known`). ``--sample``: the frozen sets, clean and with
recognition errors. ``--pairs lcqmc|bq``: public pairs, beside TF-IDF and BM25. ``--size N``: N entries. ``--publish``: how soon a
running call and a running chat answer what was just published.
"""

import os
import sys
from typing import Final

from benchmarks import kb_known, kb_pairs, kb_publish, kb_sample, kb_size
from benchmarks.recognition_errors import provenance
from benchmarks.report import publish as report
from config.errors import HotlineError
from config.logs import set_up_logs
from config.settings import Settings
from gateway.commands.common import EXIT_REFUSED, print_json

EXIT_ABSENT: Final = 3
"""Exit code when what is to be measured with is not at hand."""
LEAST_SIZE: Final = 1000
MOST_SIZE: Final = 1_000_000


class BadOption(HotlineError):
    """An option of the benchmark has no such value."""


def run(
    settings: Settings,
    *,
    as_json: bool,
    sample: bool = False,
    pairs: str | None = None,
    size: int | None = None,
    publish: bool = False,
    show: bool = False,
) -> int:
    """Measure and print; 0 when all targets are met, 3 when the data to measure with is not at hand."""
    set_up_logs("WARNING")
    load = round(os.getloadavg()[0], 2)
    notes: dict[str, object] = {"load average at start": load}
    try:
        if sample:
            return report("kb --sample", kb_sample.rows(show=show), as_json=as_json, notes=notes | provenance())
        if pairs is not None:
            if pairs not in kb_pairs.SETS:
                raise BadOption("bad_option", f"--pairs 只能是 {'、'.join(kb_pairs.SETS)}")
            return report(f"kb --pairs {pairs}", kb_pairs.rows(pairs), as_json=as_json, notes=notes | provenance())
        if size is not None:
            if not LEAST_SIZE <= size <= MOST_SIZE:
                raise BadOption("bad_option", f"--size 应在 {LEAST_SIZE} 到 {MOST_SIZE} 之间")
            return report(f"kb --size {size}", kb_size.rows(size), as_json=as_json, notes=notes)
        if publish:
            return report("kb --publish", kb_publish.rows(), as_json=as_json, notes=notes)
    except HotlineError as error:
        return _refused(error, as_json)
    return report("kb", kb_known.rows(), as_json=as_json, notes=notes)


def _refused(error: HotlineError, as_json: bool) -> int:
    """Tell what is wrong; the exit code."""
    exit_code = EXIT_ABSENT if isinstance(error, kb_pairs.PairsMissing) else EXIT_REFUSED
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message}})
    sys.stderr.write(f"错误：{error.message}\n")
    return exit_code
