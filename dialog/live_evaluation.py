"""Measures the model in service on the fixed evaluation set, without training anything."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from config.settings import Settings
from dialog import bot_training
from dialog.acts import BotActs
from dialog.nlu_report import report
from dialog.rasa_process import Limits, run
from dialog.training_job import report_json

_LIMIT_S: Final = 300.0
_NICE: Final = 10


def evaluate_live(settings: Settings, model: Path) -> dict[str, Any]:
    """Figures of ``model`` as in a training's report (``docs/api.md``). Blocks for about half a minute.

    Raises :class:`HotlineError`: ``no_rasa_environment``, ``evaluation_failed``, and for the limits of time and memory.
    """
    cases = BotActs().cases
    asked = [{"text": case.text, "stage": case.stage, "requested": case.requested} for case in cases]
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="evaluation-", dir=settings.data_dir) as folder:
        question, answer = Path(folder) / "judge.json", Path(folder) / "judge.answer.json"
        question.write_text(json.dumps({"judge": {"models": {"live": str(model)}, "cases": asked}}), encoding="utf-8")
        status = run(
            [str(bot_training.rasa_python()), "-W", "ignore", "-m", "measure", str(question), str(answer)],
            cwd=bot_training.BOT,
            environment=bot_training.environment_for(settings),
            log=settings.log_dir / "training.log",
            limits=Limits(_LIMIT_S, settings.training_memory_mb, _NICE),
        )
        if status != 0:
            raise HotlineError("evaluation_failed", f"评估失败（退出码 {status}），请看日志 log/training.log")
        found = json.loads(answer.read_text(encoding="utf-8"))["acts"]["live"]
    return report_json(report([case.act for case in cases], found))
