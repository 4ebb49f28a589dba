"""The wheel holds everything, and nothing but the package `brownout`."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("harness", "faults", "suites", "reports")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from the sdist, as a package index would get it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", out], cwd=ROOT, check=True)
    (sdist,) = out.glob("*.tar.gz")
    unpacked = tmp_path_factory.mktemp("sdist")
    subprocess.run(["tar", "xzf", sdist, "-C", unpacked, "--strip-components=1"], check=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=unpacked, check=True)
    (built,) = out.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


def test_the_wheel_has_one_top_level_package(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"brownout"}


def test_every_source_and_data_file_is_in_the_wheel(wheel: set[str]) -> None:
    files = [p for f in FOLDERS for p in (ROOT / f).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    expected = {f"brownout/{p.relative_to(ROOT).as_posix()}" for p in files}
    assert len(expected) > 60
    assert expected <= wheel, sorted(expected - wheel)
    assert {"brownout/__init__.py", "brownout/py.typed"} <= wheel


def test_links_lead_to_the_folders() -> None:
    for folder in FOLDERS:
        link = ROOT / "src" / "brownout" / folder
        assert link.is_symlink()
        assert link.resolve() == ROOT / folder


def test_every_entry_point_of_ours_can_be_loaded() -> None:
    ours = [e for e in distribution("brownout").entry_points if e.group.startswith("brownout.")]
    assert {e.group for e in ours} >= {
        f"brownout.{g}" for g in ("faults", "dialects", "checks", "suites", "apps", "reports")
    }
    for entry in ours:
        entry.load()


def test_the_core_does_not_require_what_is_optional() -> None:
    core = [r for r in requires("brownout") or [] if "extra ==" not in r]
    assert core
    assert not [r for r in core if r.startswith(("locust", "openai", "starlette", "uvicorn"))]
