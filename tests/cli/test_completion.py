"""Shell completion: suggestions, their format for each shell, and the scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archdsl import zoo
from archdsl.cli import main
from archdsl.cli.help import GROUPS
from archdsl.ops import OPS
from archdsl.schema import explanations

SHELLS = ("bash", "zsh", "fish", "powershell")
SPEC = """archdsl: 1
name: Net
input: [8, 8, 1]
variants: {small: {input: [4, 4, 1]}, large: {}}
model: [flaten]
"""


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Asks for suggestions as the script of a shell does, in a folder with two specs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "my_net.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "reader.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "red\x1b[31m.yaml").write_text(SPEC, encoding="utf-8")

    def ask(line: str, shell: str = "bash") -> str:
        words = line.split(" ")
        monkeypatch.setenv("_ARCHDSL_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", words[-1])
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setattr(sys, "argv", ["archdsl"])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (None, 0)
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out.rstrip("\n")

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("archdsl ", [name for names in GROUPS.values() for name in names]),
        ("archdsl ex", ["expand", "export", "explain"]),
        ("archdsl show --co", ["--columns"]),
        ("archdsl show vg", ["vgg"]),
        ("archdsl show my", ["my_net.yaml"]),
        ("archdsl show re", [*(name for name in zoo.names() if name.startswith("re")), "reader.yaml"]),
        ("archdsl show r", [*(name for name in zoo.names() if name[0] == "r"), "reader.yaml", "runs/"]),
        ("archdsl show ru", []),
        ("archdsl show runs/", []),
        ("archdsl check vgg my", ["my_net.yaml"]),
        ("archdsl show my_net.yaml --variant ", ["small", "large"]),
        ("archdsl show --depth 2 my_net.yaml --variant s", ["small"]),
        ("archdsl check vgg my_net.yaml --variant l", ["large"]),
        ("archdsl new net.yaml --from resnet --variant resnet18", ["resnet18", "resnet18_160"]),
        ("archdsl diff my_net.yaml[", ["my_net.yaml[small]", "my_net.yaml[large]"]),
        ("archdsl show nowhere --variant ", []),
        ("archdsl show --variant ", []),
        ("archdsl ops conv", [name for name in sorted(OPS) if name.startswith("conv")]),
        ("archdsl explain ARCH02", [code for code in explanations.CODES if code.startswith("ARCH02")]),
        ("archdsl docs loop", ["loops"]),
        ("archdsl docs reference/language/lo", ["reference/language/loops"]),
        ("archdsl data cifar", ["cifar10", "cifar100", "cifar_fast", "cifar_gpu"]),
        ("archdsl plot vgg --theme ", ["light", "dark"]),
        ("archdsl check vgg --format g", ["github"]),
        ("archdsl train vgg --out ", []),
    ],
)
def test_suggestions(line: str, expected: list[str], complete: Any) -> None:
    assert complete(line).splitlines() == expected


def test_each_shell_gets_them_in_its_form(complete: Any) -> None:
    line = "archdsl show digits_"
    doc = zoo.index()["digits_resnet"]["doc"]
    assert complete(line, "bash") == "digits_resnet"
    assert complete(line, "fish") == f"digits_resnet\t{doc}"
    assert complete(line, "zsh").startswith("""_arguments '*: :(("digits_resnet":"A small""")
    assert complete("archdsl show ru", "zsh") == "_files"
    assert complete(line, "powershell") == complete(line, "pwsh") == f"digits_resnet:::{doc}"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_the_program(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    monkeypatch.setattr(sys, "argv", ["archdsl", "--show-completion", shell])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (None, 0)
    assert "_ARCHDSL_COMPLETE" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_after_the_installation_and_loads_no_framework(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "archdsl"
    program.parent.mkdir()
    blocked = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'numpy', 'matplotlib']))"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{blocked}; import archdsl.cli as c; c.main()" "$@"\n')
    program.chmod(0o755)
    script = """
        archdsl --install-completion bash && . "$HOME/.bash_completions/archdsl.sh" && complete -p archdsl
        COMP_WORDS=(archdsl show resnet --variant resnet20); COMP_CWORD=4
        _archdsl_completion archdsl; echo "${COMPREPLY[@]}"
    """
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *_, registered, suggested = done.stdout.splitlines()
    assert registered == "complete -o default -F _archdsl_completion archdsl"
    assert suggested == "resnet200"
    assert ".bash_completions/archdsl.sh" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
