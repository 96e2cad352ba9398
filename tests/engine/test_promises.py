"""Calls that other programs make: every verb takes every flag that it ever took, and README's calls are calls."""

import re
import shlex
from pathlib import Path

import pytest

from engine.analysis import ANALYSES
from engine.cli import PROGRAM, _parser
from engine.commands.analyses import all_asked

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = '--text "a film" --text-pair "a play" --label 1 --seed 3 --model minilm --json'
DATA = (
    "--dataset x.tsv --split test --limit 7 --seed 3 --text-column a --pair-column b --label-column c"
    " --label-kind classes --run latest --json"
)
KEPT = [
    f"trace {SENTENCE} --method freelb --steps 4 --preset 'RoBERTa-large SST-2' --set epsilon=0.2 --set norm=max",
    "trace --text a --run latest@20",
    "table --run latest --top 5 --json",
    "table --run latest --token film",
    "table --run latest --map 'embedding + Z'",
    f"smoothness {DATA} --set epsilon=1e-4",
    f"landscape {SENTENCE} --epsilon 0.3 --points 9 --towards 3:good",
    f"attribution {SENTENCE} --method smart --algorithm occlusion --set epsilon=0.1",
    f"flip {SENTENCE} --steps 3",
    f"examples {DATA}",
    f"map {DATA} --method textat --epsilon 0.2",
    f"robustness {DATA} --epsilons 0,0.1,0.4 --steps 5 --restarts 1 --schedule constant",
    f"attack {DATA} --search typos --similar en --set most_changed=0.5 --set keep_stop_words=false",
    "mask --strategy wwm --text 'a film' --model minilm --similar en --seed 1 --set mask_share=0.3 --json",
    "detect --text 'a film' --run latest --seed 1 --temperature 0.5 --share 0.2 --json",
    "methods --json", "datasets --json", "models --json", "runs --json", "cancel RUN", "resume RUN --halve-batch", "prepare",
    "study s.toml --format csv --ray auto --results --json",
    "train --method pgd --dataset d --model m --max-steps 5 --seed 1 --name n --set a=b --detach --json",
]  # fmt: skip


def calls_of_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^python -m engine (.+)$", text, re.M) + re.findall(
        r"^ *(?:srun )?torchrun .*-m engine (.+)$", text, re.M
    )
    assert len(found) >= 12
    return found


@pytest.mark.parametrize("call", [*KEPT, *calls_of_readme()])
def test_a_call_is_taken_as_ever(call):
    options = _parser(PROGRAM, ()).parse_args(shlex.split(call))
    asked = all_asked(options, [ANALYSES.get(name).Settings for name in getattr(options, "analyses", [])])
    for each in asked:  # What was given has arrived.
        for name, value in (
            ("steps", 4),
            ("limit", 7),
            ("seed", 3),
            ("text", "a film"),
            ("label", "1"),
            ("search", "typos"),
        ):
            if f"--{name} {value}" in call.replace('"', "") and name in each.names():
                assert getattr(each, name) == value
    if "epsilon=1e-4" in call:
        assert asked[0].settings["epsilon"] == 1e-4 and "text_column=a" in asked[0].dataset
    if "towards" in call:
        assert asked[0].towards == (3, "good")
    if "most_changed" in call:
        assert asked[0].most_changed == 0.5 and not asked[0].keep_stop_words
    if "preset" in call:
        assert asked[0].settings["epsilon"] == 0.2 and asked[0].settings["start_magnitude"] == 1.0


def test_every_analysis_is_a_verb():
    verbs = _parser(PROGRAM, ())._subparsers._group_actions[0].choices
    for name in ANALYSES.names():
        made = {"robust accuracy": "robustness", "word attack": "attack"}.get(name, name.replace(" ", "-"))
        assert made in verbs
        assert len(ANALYSES.summary(name.replace(" ", "_"))) > 20
