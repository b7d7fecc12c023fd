"""Answers the vectors of what is written already: conformance/README.md, *Vectors against your program*."""
import json
import sys

import card


def read_card(text):
    try:
        read = card.parse(text)
    except card.CardRefused as refusal:
        return {"refused": refusal.layer}
    return {"output": {"kind": read.kind, "secret": read.secret.hex(), "servers": read.servers,
                       "written": read.written}}


def answer(question):
    if (question["file"], question["operation"]) == ("invitation", "card"):
        return read_card(question["input"]["text"])
    return {"unsupported": "not written yet"}


for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps({"id": question["id"]} | answer(question)), flush=True)
