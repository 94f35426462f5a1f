"""The picture of docs/concepts/splitting.md is what its program draws today."""

import importlib.util
from pathlib import Path

DRAWER = Path(__file__).resolve().parents[3] / "tools" / "splitting_picture.py"


def test_the_picture_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("splitting_picture", DRAWER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PICTURE.read_text(encoding="utf-8") == module.main()
