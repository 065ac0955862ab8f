import gc
from collections.abc import Iterator

import pytest

from knowledge.collector import spare


@pytest.fixture
def frozen_before() -> Iterator[int]:
    """The objects that the collector passes over; afterwards it looks at all again."""
    yield gc.get_freeze_count()
    gc.unfreeze()


def test_only_many_entries_are_kept_from_the_collector(frozen_before: int) -> None:
    spare(150)
    assert gc.get_freeze_count() == frozen_before
    spare(100_000)
    assert gc.get_freeze_count() > frozen_before
