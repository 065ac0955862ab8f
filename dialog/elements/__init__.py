"""五要素抽取：从市民说过的话里找出时间、地点、人物、事件、诉求，每一项都指回原话。

Extraction of the five elements from what was said, each with its source; nothing without one. Places are read first
(「1号」 in an address is no date), then times, persons, and the clauses that tell the event and the demand.
"""
