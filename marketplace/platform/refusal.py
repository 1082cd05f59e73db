"""A file that is not taken."""

from __future__ import annotations


class Refused(Exception):
    """The file is not taken; `sentence` tells the person who sent it why, and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
