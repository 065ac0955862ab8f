"""Make the demonstration model: ``python -m asr_models.train --out FOLDER --minutes 600``.

Stages: text → audio → training → model (export and graph). A stage whose result is there is skipped; audio goes on where it
stopped. ``--redo text model`` renews text and graph alone, a minute's work, when the knowledge base has changed.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from asr_models.espeak import SpeechFailed

if TYPE_CHECKING:
    from asr_models.train.kaldi import Acoustics

STAGES: Final = ("text", "audio", "training", "model")
SIZE_LIMIT: Final = 14_000_000
"""Bytes that the shipped model may take in the repository."""


def _report(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


def make_text(out: Path, sentences: int, seed: int) -> None:
    from asr_models.train.corpus import build_text

    lines, left_out = build_text(sentences, seed)
    (out / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _report(f"文本：{len(lines)} 行（不同的 {len(set(lines))} 行），与评测句子重复而去掉 {left_out} 行")


def _lines(out: Path) -> list[str]:
    return (out / "text.txt").read_text(encoding="utf-8").splitlines()


def _make_shard(shard: object, *, seed: int, sentences: list[str], folder: Path) -> float:
    from asr_models.train.speech import Shard, make_shard

    assert isinstance(shard, Shard)  # noqa: S101
    try:
        return make_shard(shard, seed, sentences, folder)
    except SpeechFailed as error:
        _report(f"跳过 {shard.name}：{error}")
        return 0.0


def make_audio(out: Path, minutes: float, seed: int, processes: int) -> None:
    from asr_models.train.speech import plan

    folder = out / "audio"
    folder.mkdir(exist_ok=True)
    work = partial(_make_shard, seed=seed, sentences=sorted(set(_lines(out))), folder=folder)
    made, reported = 0.0, 0.0
    with get_context("fork").Pool(processes) as pool:
        for shard_minutes in pool.imap_unordered(work, plan(minutes, seed)):
            made += shard_minutes
            if made - reported >= 60:
                reported = made
                _report(f"语音：{made:.0f}/{minutes:.0f} 分钟")
    _report(f"语音：共 {made:.0f} 分钟")


def _keep(trained: dict[str, object], file: Path, checkpoint: Path) -> None:
    import torch

    partial = file.with_suffix(".partial")
    torch.save(trained, partial)
    partial.rename(file)
    checkpoint.unlink(missing_ok=True)


def make_networks(out: Path, steps: int, seed: int, threads: int, start_from: Path | None) -> None:
    import torch

    from asr_models.train.network import load_speech, train, train_tones

    torch.set_num_threads(threads)
    speech = load_speech(out / "audio")
    _report(f"训练：{len(speech.features) / 360_000:.1f} 小时语音，声韵母与声调各 {steps} 步")
    if not (out / "tones.pt").exists():
        checkpoint = out / "tones-checkpoint.pt"
        _keep(train_tones(speech, steps, seed, checkpoint, _report), out / "tones.pt", checkpoint)
    checkpoint = out / "checkpoint.pt"
    _keep(train(speech, steps, seed, checkpoint, start_from, _report), out / "network.pt", checkpoint)


def _acoustics(out: Path) -> "Acoustics":
    import numpy as np
    import torch

    from asr_models.train.kaldi import Acoustics
    from asr_models.train.network import Network, ToneNetwork

    sounds, tones = Network(), ToneNetwork()
    priors = []
    for network, file in ((sounds, "network.pt"), (tones, "tones.pt")):
        trained = torch.load(out / file, weights_only=False)
        network.load_state_dict(trained["weights"])
        priors.append(np.asarray(trained["priors"]))
    return Acoustics(sounds, priors[0], tones, priors[1])


def make_model(out: Path, words: int, pruning: float) -> None:
    from asr_models.train.corpus import Vocabulary
    from asr_models.train.graph import build_graph
    from asr_models.train.kaldi import write_model
    from asr_models.train.language import LanguageModel
    from asr_models.train.lexicon import lexicon
    from asr_models.train.phones import phones_of

    model = out / "model"
    shutil.rmtree(model, ignore_errors=True)
    write_model(_acoustics(out), model)
    vocabulary = Vocabulary(_lines(out), words)
    known = set(vocabulary.words)
    sentences = [sentence for sentence in vocabulary.sentences if known.issuperset(sentence)]
    language = LanguageModel(sentences, vocabulary.general_weights(), pruning=pruning)
    _report("语言模型：一元 {}、二元 {}、三元 {}".format(*language.size()))
    pronunciations = {
        word: [(phones_of(reading), cost) for reading, cost in readings]
        for word, readings in lexicon(vocabulary.words, sentences).items()
    }
    build_graph(model, pronunciations, language)
    size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
    _report(f"模型：{model}，{size / 1e6:.1f} MB，{len(known)} 个词")
    if size > SIZE_LIMIT:
        _report(f"注意：超过 {SIZE_LIMIT / 1e6:.0f} MB，请减少 --words 或提高 --pruning")


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m asr_models.train", description="制作演示识别模型")
    parser.add_argument("--out", type=Path, required=True, help="工作文件夹，成品在其中的 model/")
    parser.add_argument("--minutes", type=float, default=600, help="合成多少分钟语音")
    parser.add_argument("--steps", type=int, default=3000, help="训练多少步")
    parser.add_argument("--start-from", type=Path, help="从已有的 network.pt 接着训练")
    parser.add_argument("--sentences", type=int, default=75_000, help="由句式生成多少句")
    parser.add_argument("--words", type=int, default=30_000, help="词表大小")
    parser.add_argument("--pruning", type=float, default=3.0, help="语言模型剪枝：越大越小")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--redo", nargs="*", default=[], choices=STAGES, help="重做哪些步骤")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    redo = set(arguments.redo)
    if "text" in redo or not (out / "text.txt").exists():
        make_text(out, arguments.sentences, arguments.seed)
    if "audio" in redo:
        shutil.rmtree(out / "audio", ignore_errors=True)
    if redo & {"audio", "training"}:
        for name in ("checkpoint.pt", "tones-checkpoint.pt", "tones.pt", "network.pt"):
            (out / name).unlink(missing_ok=True)
    if not (out / "network.pt").exists():
        make_audio(out, arguments.minutes, arguments.seed, arguments.processes)
        make_networks(out, arguments.steps, arguments.seed, arguments.processes, arguments.start_from)
    make_model(out, arguments.words, arguments.pruning)
    return 0


if __name__ == "__main__":
    sys.exit(main())
