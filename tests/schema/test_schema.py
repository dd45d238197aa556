"""The JSON schema: it accepts every spec, rejects errors that a schema can detect, and is up to date."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from random_specs import several
from reading import quickly
from ruamel.yaml import YAML
from typer.testing import CliRunner

import archdsl
from archdsl import schema
from archdsl.cli import app
from archdsl.errors import ArchError
from archdsl.ops import OPS, Op, plugins
from archdsl.parsing import FILE, LAYER, VARIANT, parse
from archdsl.parsing.steps import PATHS_KEYS
from archdsl.parsing.values import STEP_KEYS
from archdsl.schema import vocabulary

ROOT = Path(__file__).parents[2]
RIGHT = sorted([*(ROOT / "specs").glob("**/*.yaml"), *(ROOT / "examples").glob("**/*.yaml")])
LANGUAGE = schema.language()
VALIDATOR = Draft202012Validator(LANGUAGE)

STRUCTURAL = ("005", "006", "007", "008", "009", "010", "014", "015", "019")
"""The codes of what can be found without evaluating and without looking elsewhere in the file."""

WRONG = sorted(p for p in (ROOT / "tests" / "wrong").glob("*.yaml") if p.stem[:3] in STRUCTURAL)

NOT_FOR_A_SCHEMA = {
    "the value is computed": [
        "007_argument_computed_of_wrong_type",
        "007_fraction_of_expression",
        "008_computed",
        "008_computed_entry",
        "007_padding_of_two_kinds",
    ],
    "`defaults` may give the field, and a schema does not look there": ["006_field_missing"],
    "the layers of the file, and their arguments, stand elsewhere in it": [
        "007_argument_of_wrong_type",
        "007_with_of_wrong_type",
        "014_name_of_keras",
        "014_unknown_layer",
        "015_with_unknown_argument",
    ],
    "the other name stands elsewhere in the file": [
        "010_column_as_class",
        "010_column_seen_already",
        "010_layer_named_as_model",
        "010_name_twice",
    ],
    "the number of axes gives their names": ["007_flexible_number"],
    "the names of axes stand in the pattern": ["015_axis_of_no_pattern"],
    "a validator that compares fields says it, not a type": [
        "006_weights_without_a_source",
        "008_class_twice",
        "008_decay_without_weight_decay",
        "008_epochs_not_ascending",
        "008_freeze_everything",
        "008_metric_of_whole_labels",
        "008_mixup_of_whole_labels",
        "008_regular_expression",
        "008_smoothing_of_another_loss",
        "008_steps_that_do_not_divide",
        "008_stopping_without_validation",
        "008_two_clips",
        "008_unfreeze_after_the_end",
        "008_weights_of_a_pickle",
    ],
    "other readers of YAML take 1_000 for a number, and a schema sees what they read": ["007_underscore_in_number"],
}
"""What the parser refuses and the schema cannot, by the reason."""

EXCUSED = {name for names in NOT_FOR_A_SCHEMA.values() for name in names}


def validator(path: Path) -> Draft202012Validator:
    """Return the validator for a spec, including the ops of the package that contains the spec."""
    project = path.with_name("pyproject.toml")
    if not project.exists():
        return VALIDATOR
    points = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]["archdsl.ops"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.with_name("src"))
        ops = {name: EntryPoint(name, value, "archdsl.ops").load() for name, value in points.items()}
    return Draft202012Validator(schema.language(schema.own_ops() | ops))


def load(path: Path) -> Any:
    """Read a file as an editor does: with YAML 1.2 and none of this package's code."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def spec(**sections: Any) -> dict[str, Any]:
    return {"archdsl": 1, "name": "Net", "input": [8, 8, 3], "model": ["relu"], **sections}


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(LANGUAGE)


@pytest.mark.generated
def test_the_shipped_file_is_what_the_tables_say(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        schema.FILE.write_text(schema.text(), encoding="utf-8", newline="\n")
    text = schema.FILE.read_text(encoding="utf-8")
    assert text == schema.text(), "schema.json is old: run `pytest --update-golden`, read the diff"
    assert json.loads(text) == LANGUAGE
    assert len(text) < 300_000


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_a_right_spec_is_valid(path: Path) -> None:
    faults = sorted(f"{error.json_path}: {error.message}" for error in validator(path).iter_errors(load(path)))
    assert faults == []


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_spec_is_invalid_where_a_schema_can_tell(path: Path) -> None:
    assert VALIDATOR.is_valid(load(path)) == (path.stem in EXCUSED)


def test_there_is_enough_to_try() -> None:
    assert len(RIGHT) >= 4
    assert len(WRONG) >= 45
    assert not EXCUSED - {path.stem for path in WRONG}


def hold_what_parses(first: int, many: int) -> None:
    right = 0
    for text in several(first, many):
        try:
            with quickly():
                parse(text)
        except ArchError:
            continue
        assert VALIDATOR.is_valid(json.loads(text))
        right += 1
    assert right > many * 0.9


def test_what_parses_is_valid() -> None:
    hold_what_parses(0, 120)


@pytest.mark.slow
def test_much_that_parses_is_valid() -> None:
    hold_what_parses(1000, 3000)


def mappings(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping in a value, with its path."""
    if isinstance(value, dict):
        yield place, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from mappings(inner, f"{place}/{key}")


@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_an_unknown_key_is_refused_everywhere(path: Path, each: int) -> None:
    """No mapping accepts an unknown key; a name with `%` is not valid for users either."""
    document, valid = load(path), validator(path).is_valid
    tried = list(mappings(document))
    assert len(tried) >= 5
    for place, mapping in tried[RIGHT.index(path) % each :: each]:
        if _is_for_a_layer(place):
            continue  # the arguments of the file's own layers
        mapping["un%known"] = 1
        assert not valid(document), place
        del mapping["un%known"]
    assert valid(document)


def _is_for_a_layer(place: str) -> bool:
    last = place.rpartition("/")[2]
    return last[:1].isupper() and place != "/layers/" + last


def described(value: Any, place: str = "$") -> Iterator[tuple[str, Any]]:
    """Yield every property that a spec may have, without conditions and forbidden properties."""
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from described(inner, f"{place}/{number}")
    if isinstance(value, dict):
        for word in ("properties", "patternProperties"):
            yield from ((f"{place}/{key}", inner) for key, inner in value.get(word, {}).items() if inner is not False)
        for key, inner in value.items():
            if key in ("properties", "patternProperties", "$defs"):
                for name, one in inner.items():
                    yield from described(one, f"{place}/{name}")
            elif key not in ("if", "not"):
                yield from described(inner, f"{place}/{key}")


def test_every_property_says_what_it_is() -> None:
    found = [(place, one) for place, one in described(LANGUAGE) if "merge_where_due" not in place]
    assert len(found) >= 300
    silent = [place for place, one in found if not _description(one)]
    assert silent == []
    assert [place for place, one in found if _description(one).startswith("The argument `")] == []


def _description(one: dict[str, Any]) -> str:
    target = LANGUAGE["$defs"].get(one.get("$ref", "").rpartition("/")[2], {})
    return str(one.get("description") or target.get("description") or "")


def test_it_knows_the_words_of_the_parser() -> None:
    definitions = LANGUAGE["$defs"]
    assert set(LANGUAGE["properties"]) == set(FILE)
    assert set(definitions["layer"]["properties"]) == set(LAYER)
    assert set(definitions["variant"]["properties"]) == set(VARIANT)
    assert set(vocabulary.STEP_PROPERTIES) == set(STEP_KEYS)
    assert set(vocabulary.PATHS_PROPERTIES) == {"paths", *PATHS_KEYS}


def test_nothing_is_left_open() -> None:
    """A field of an unsupported type would accept anything."""
    ops = {name: entry for name, entry in LANGUAGE["$defs"].items() if name.startswith("op.")}
    assert len(ops) >= 40
    fields = [(name, field, one) for name, op in ops.items() for field, one in op["properties"].items()]
    assert [(name, field) for name, field, one in fields if not {"type", "anyOf", "enum", "$ref"} & set(one)] == []


NEIGHBOUR_VALUES = {"name": "x", "repeat": 2, "for": {"i": 2}, "when": True, "from": "input"}


def test_a_step_has_one_key_of_its_own() -> None:
    """For each set of optional keys: one op or layer key is valid, none and two are not."""
    words = list(NEIGHBOUR_VALUES)
    own: list[dict[str, Any]] = [{"relu": {}}, {"Block": {}}, {"paths": [["relu"]]}]
    for number in range(2 ** len(words)):
        beside = {word: NEIGHBOUR_VALUES[word] for i, word in enumerate(words) if number >> i & 1}
        assert not VALIDATOR.is_valid(spec(model=[beside]))
        for one in own:
            assert VALIDATOR.is_valid(spec(model=[{**one, **beside}])), (one, beside)
            for other in [{"gelu": {}}, {"Other": {}}]:
                assert not VALIDATOR.is_valid(spec(model=[{**one, **other, **beside}])), (one, other, beside)


RIGHT_PARTS = [
    {"train": {"optimizer": "adam"}},
    {"train": {"optimizer": {"adam": {"learning_rate": {"cosine": {"rate": 0.004}}}}}},
    {"train": {"optimizer": {"adam": {"learning_rate": 0.1}}}},
    {"train": {"optimizer": {"sgd": None}}},
    {"expect": {"parameters": 0, "output": {"label": [5], "age": [1]}}},
    {"args": {"a": "int", "b": 1, "c": 0.5, "d": True, "e": "word", "f": [3, 4]}},
    {"variants": {"half": {"args": {"a": 0.5}, "input": [4, 4, 3], "expect": {"parameters": 1}, "doc": "Half."}}},
    {"defaults": {"conv": {"padding": "same", "norm": "batch"}, "relu": None}},
    {"doc": "A `$` is text here."},
    {"layers": {"Two": {"inputs": ["left", "right"], "outputs": ["a"], "steps": [{"add": None, "name": "a"}]}}},
    {"layers": {"A": {"like": "B", "with": {"stride": 2}, "doc": "As B."}}},
    {"model": "flatten"},
    {"model": []},
    {"model": [{"conv": {"filters": "$channels * 2", "kernel": ["$k", 3], "padding": [[0, 1], ["$p", 1]]}}]},
    {"model": [{"conv": {"filters": 8, "kernel": 3, "activation": {"leaky_relu": {"slope": 0.1}}}}]},
    {"model": [{"add": {}, "from": ["a", "stage.high"]}]},
    {"model": [{"paths": {"a": []}}]},
    {"model": [{"paths": [[], {"steps": "relu", "when": "$channels > 3"}], "merge": {"add": {}}, "after": "relu"}]},
    {"model": [{"paths": [[]], "shortcut": ["relu", {"gelu": {}, "from": "a"}], "merge": "concat"}]},
    {"model": [{"paths": [[]], "shortcut": "'pad' if $channels > 3 else 'none'", "merge": "add"}]},
    {"model": [{"paths": [[], ["relu"]], "merge": "$how"}]},
    {"model": [{"Block": {"sizes": [1, "$a"], "text": "word", "deep": [[1]]}}, {"Block": None}, "Block"]},
]
WRONG_PARTS = [
    {"train": {"optimizer": {"adan": {}}}},
    {"train": {"optimizer": "adan"}},
    {"train": {"optimizer": {"adam": {"learning_rate": "cosine"}}}},
    {"train": {"optimizer": {"adam": {"learning_rate": {"cosine": {}}}}}},
    {"train": {"optimizer": {"adam": {}, "sgd": {}}}},
    {"train": {"epochs": "$epochs"}},
    {"data": {}},
    {"inputs": {"a": [3], "b": [4]}},
    {"args": {"a": None}},
    {"args": {"a": "$b"}},
    {"args": {"lambda": 1}},
    {"defaults": {"conv": {"filters": "$width"}}},
    {"defaults": {"conv": {"kernel": [3, "$k"]}}},
    {"defaults": {"Block": {"filters": 3}}},
    {"name": "net"},
    {"layers": {"block": {"steps": ["relu"]}}},
    {"layers": {"A": {"like": "B", "with": {"stride": "$s"}}}},
    {"layers": {"A": {"steps": ["relu"], "inputs": []}}},
    {"model": None},
    {"model": [["relu"]]},
    {"model": ["rleu"]},
    {"model": [{"paths": []}]},
    {"model": [{"paths": {"a": [], "b": []}}]},
    {"model": [{"paths": {"a": {"steps": [], "repeat": 2}}}]},
    {"model": [{"paths": {"a": []}, "shortcut": "identity"}]},
    {"model": [{"relu": {}, "merge": "add"}]},
    {"model": [{"conv": "$x"}]},
]


@pytest.mark.parametrize("part", RIGHT_PARTS, ids=json.dumps)
def test_a_right_part_is_valid(part: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(spec(**part))] == []


@pytest.mark.parametrize("part", WRONG_PARTS, ids=json.dumps)
def test_a_wrong_part_is_invalid(part: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(spec(**part))


def test_a_file_of_several_inputs() -> None:
    document = {"archdsl": 1, "name": "Net", "inputs": {"a": [3], "b": []}, "outputs": ["c"], "model": []}
    assert VALIDATOR.is_valid(document)
    for change in ({"inputs": {}}, {"inputs": {"input": [3]}}, {"outputs": "c"}, {"outputs": ["c", "c"]}):
        assert not VALIDATOR.is_valid(document | change)


def test_the_commands() -> None:
    run: Callable[..., Any] = CliRunner().invoke
    assert run(app, ["schema"]).stdout == schema.FILE.read_text(encoding="utf-8")
    assert Path(run(app, ["schema", "--path"]).stdout.strip()) == schema.FILE
    assert run(app, ["schema", "--installed", "--path"]).exit_code != 0


def test_an_installed_op_is_known_on_demand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    space: dict[str, Any] = {"__module__": "elsewhere", "__doc__": "An op of another package."}
    monkeypatch.setitem(OPS, "foreign", type("Foreign", (Op,), space))
    monkeypatch.setattr(plugins, "names", lambda: {"foreign": "elsewhere 1.0"})
    document = spec(model=["foreign", {"foreign": {}}])
    assert not Draft202012Validator(schema.language()).is_valid(document)
    assert Draft202012Validator(schema.language(schema.all_ops())).is_valid(document)
    printed = json.loads(CliRunner().invoke(app, ["schema", "--installed"]).stdout)
    assert printed["$defs"]["op.foreign"]["description"] == "An op of another package."


def test_the_modeline_names_the_published_schema_of_the_release() -> None:
    """It is the same on every machine, and the file is in the repository under the tag of the release."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    repository = settings["project"]["urls"]["Repository"].replace("github.com", "raw.githubusercontent.com")
    head, _, path = schema.ADDRESS.partition(f"/v{archdsl.__version__}/")
    assert schema.modeline() == f"# yaml-language-server: $schema={schema.ADDRESS}"
    assert (head, ROOT / path) == (repository, schema.FILE)
    assert 'tags: ["v*"]' in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
