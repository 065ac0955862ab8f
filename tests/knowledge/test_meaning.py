import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from knowledge import meaning
from knowledge.contract import Entry
from knowledge.entries import sample_entries
from knowledge.features import FEATURES, MEANING_FEATURES, compare
from knowledge.index import Index, Side
from knowledge.kinds import word_key
from knowledge.meaning import ANSWER, QUESTION, Encoder, answer_text, asked_text, centred, encoder
from knowledge.meant import Reader, Vectors
from knowledge.part import make
from knowledge.reading import SAMPLE_VECTORS, read_entries
from knowledge.search import order, rank

from .test_search import AT


@pytest.fixture(scope="module")
def model() -> Encoder:
    found = encoder()
    assert found is not None, "this processor cannot read sentences"
    return found


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return [form.entry(1) for form in sample_entries()]


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return Vectors([SAMPLE_VECTORS])


@pytest.fixture
def few(entries: list[Entry]) -> list[Entry]:
    return [replace(entry, similar=entry.similar[:2]) for entry in entries[:6]]


def test_all_samples_have_their_vectors_with_the_program(entries: list[Entry], vectors: Vectors) -> None:
    missing = [text for _, _, text in vectors.missing(entries)]
    assert not missing, "run python -m knowledge.calibration"


def test_the_shipped_vectors_are_those_that_the_model_gives(
    model: Encoder, entries: list[Entry], vectors: Vectors
) -> None:
    for kind, text in ((QUESTION, asked_text(entries[0].similar[0])), (ANSWER, answer_text(entries[0]))):
        store = vectors.questions if kind == QUESTION else vectors.answers
        held = store.rows(np.array([word_key(text)], np.uint64))[0][0]
        assert float(held @ model.vector(kind, text)) / float(np.linalg.norm(held)) > 0.98


def test_sentences_that_mean_the_same_are_nearer_than_others(model: Encoder) -> None:
    said, meant, other = (
        model.question(asked_text(text), 5) for text in ("房子住的水停了", "家里断水", "孩子怎么上学")
    )
    assert said is not None and meant is not None and other is not None
    assert said @ meant > said @ other + 0.2


@pytest.mark.parametrize("text", ["", "\x00\x00", "\ud800半个字", "长" * 5000, "🙂", "a\nb"])
def test_rubbish_is_read_without_harm(model: Encoder, text: str) -> None:
    vector = model.question(text, 5)
    assert vector is not None
    assert vector.shape == (meaning.DIMENSIONS,)
    assert np.isfinite(vector).all()


def test_a_reader_that_is_busy_is_not_waited_for_and_search_goes_by_words(
    entries: list[Entry], vectors: Vectors
) -> None:
    class Slow:
        def __init__(self) -> None:
            self.going = threading.Event()
            self.go_on = threading.Event()

        def query(self, text: str) -> Sequence[float]:
            self.going.set()
            self.go_on.wait(30)
            return [1.0] * meaning.DIMENSIONS

    engine = Slow()
    busy = Encoder(engine)
    thread = threading.Thread(target=busy.question, args=("占着",))
    thread.start()
    engine.going.wait(30)
    index = Index.in_memory(entries)
    reader = Reader(vectors.of(index), busy, wait_s=0.0)
    ranking = rank(index, "我想取公积金", AT, reader=reader)
    assert ranking == rank(index, "我想取公积金", AT)
    engine.go_on.set()
    thread.join()


def test_an_entry_is_found_that_has_no_word_of_the_question(model: Encoder, few: list[Entry]) -> None:
    read_entries(model, in_memory := Vectors([]), few)
    index = Index.in_memory(few)
    question = index.question("退休之后那笔存款一次性结清")
    reader = Reader(in_memory.of(index), model, wait_s=30)
    compared = compare(index, question, reader=reader)
    assert compared.by_meaning
    assert set(compared.positions) == set(range(len(few)))
    assert compared.rows.shape == (len(few), len(FEATURES) + len(MEANING_FEATURES))


def test_as_long_as_too_little_is_read_words_alone_decide(model: Encoder, few: list[Entry]) -> None:
    vectors = Vectors([])
    index = Index.in_memory(few)
    assert Reader(vectors.of(index), model).asked("公积金") is None
    read_entries(model, vectors, few[:3])
    assert vectors.of(index).share == 0.5
    assert Reader(vectors.of(index), model).asked("公积金") is None
    read_entries(model, vectors, few)
    assert vectors.of(index).enough
    assert Reader(vectors.of(index), model, wait_s=30).asked("公积金") is not None


def test_one_entry_that_is_not_read_yet_gets_what_its_words_let_expect(
    model: Encoder, entries: list[Entry], vectors: Vectors
) -> None:
    new = replace(
        entries[0], id="NEW-1", question="夜航船票怎么退", similar=(), answer="到码头窗口退。", speech="到窗口退。"
    )
    index = Index([Side(make([*entries, new]), [*entries, new])])
    reader = Reader(vectors.of(index), model, wait_s=30)
    assert reader.meant.enough
    found = order(index, "夜航的船票要怎么退", reader=reader).ranked
    assert index.entry(found[0][0]).id == "NEW-1"


def test_what_is_no_longer_in_force_is_not_found_and_nothing_is_looked_up_again(
    model: Encoder, entries: list[Entry], vectors: Vectors
) -> None:
    whole = Side(make(entries), entries)
    before = vectors.of(Index([whole]))
    gone: list[Entry | None] = [None, *entries[1:]]
    index = Index([whole.revived(gone)])
    after = vectors.of(index, before)
    assert after.vectors[0] is before.vectors[0]
    vector = model.question(asked_text(entries[0].question), 30)
    assert vector is not None
    assert 0 in before.asked(vector).candidates()
    assert 0 not in after.asked(vector).candidates()
    back = vectors.of(Index([whole]), vectors.of(index))
    assert 0 in back.asked(vector).candidates()


def test_centring_leaves_unknown_rows_and_makes_the_rest_of_length_one() -> None:
    rows = np.zeros((2, meaning.DIMENSIONS), np.float32)
    rows[1, 3] = 2.0
    made = centred(QUESTION, rows)
    assert not made[0].any()
    assert np.linalg.norm(made[1]) == pytest.approx(1, abs=1e-5)


@pytest.fixture
def no_cached_encoder() -> Iterator[None]:
    encoder.cache_clear()
    yield
    encoder.cache_clear()


@pytest.mark.usefixtures("no_cached_encoder")
def test_where_the_processor_lacks_what_the_model_needs_it_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "_processor_suffices", lambda: False)
    assert encoder() is None


def test_reading_stops_when_told_and_keeps_what_was_read(model: Encoder, few: list[Entry]) -> None:
    vectors, stop = Vectors([]), threading.Event()
    told: list[int] = []

    def progress(done: int, all_: int) -> None:
        told.append(done)
        if done == 3:
            stop.set()

    assert read_entries(model, vectors, few, progress, stop) == 3
    assert told == [1, 2, 3]
    assert read_entries(model, vectors, few) == len(list(Vectors([]).missing(few))) - 3
