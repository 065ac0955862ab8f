"""How the demonstration model is made: text → speech with labels → training → export → graph.

``python -m asr_models.train --out FOLDER --minutes N``; see ``README.md`` here. Runs in an environment of its own
(``requirements.txt`` here) and is no part of the running system.
"""
