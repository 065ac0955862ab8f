"""How the scores of search are fitted: ``python -m knowledge.calibration`` writes ``weights.json``.

Each sample entry's other ways of asking are asked in turn of an index that does not hold them; so are questions in other words
(``asked_otherwise.yaml``), as they are and misheard, of the samples and of the same entries less well tended. Sentences that nothing
answers (``near_misses.txt``, ``out_of_scope.txt``) teach when to say nothing. Run it again when features, word lists or samples change.
"""
