"""What a repository may hold: whatever it lists, nothing accepted leaves the folder or is of another kind."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.hub.contents import PAGE_KINDS, PAGES, WORLD_KINDS, check_file, check_listing, check_manifest, check_offer
from models.manifest import BadInput, FileEntry, Manifest, read_manifest

WILD = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
ENTRY = FileEntry(bytes=1, sha256="0" * 64)
PARTS = st.sampled_from(
    ["..", ".", "", "a", "A", "step", "step.onnx", "con", "x.json", "~", "c:", "\\", "\0", "é", " "]
)
NAMES = st.text(max_size=12) | st.lists(PARTS, max_size=4).map("/".join)


@pytest.fixture
def manifest(worlds: Path) -> Manifest:
    """A good one."""
    return read_manifest(worlds / "hills")


@WILD
@given(name=NAMES | st.builds("{}{}".format, NAMES, st.sampled_from([*WORLD_KINDS, ".pkl", ".md"])))
def test_any_name_in_a_listing(name: str) -> None:
    try:
        check_listing("a/b", {"manifest.yaml": 5, name: 1})
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
        return
    path = PurePosixPath(name)
    assert not path.is_absolute() and ".." not in path.parts
    assert name == "manifest.yaml" or name in PAGES or path.suffix.lower() in (*PAGE_KINDS, *WORLD_KINDS)


@WILD
@given(name=NAMES | st.builds("{}{}".format, NAMES, st.sampled_from(WORLD_KINDS)))
def test_any_name_in_a_manifest(manifest: Manifest, name: str) -> None:
    graphs = manifest.graphs.model_copy(update={"decoder": name})
    changed = manifest.model_copy(update={"graphs": graphs, "files": manifest.files | {name: ENTRY}})
    try:
        check_manifest("here", changed)
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
        return
    assert PurePosixPath(name).name == name and name.endswith(".onnx") and not name.startswith(".")


@WILD
@given(data=st.binary(max_size=80), kind=st.sampled_from(WORLD_KINDS))
def test_any_bytes_in_a_file(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / f"a{kind}").write_bytes(data)
    try:
        check_file(tmp_path / f"a{kind}")
    except BadInput as error:
        assert len(str(error).splitlines()) == 1


def test_what_the_hub_offers_must_be_what_the_manifest_says(manifest: Manifest) -> None:
    sizes: dict[str, int | None] = {name: entry.bytes for name, entry in manifest.files.items()}
    check_offer("a/b", manifest, sizes)
    check_offer("a/b", manifest, dict.fromkeys(sizes))
    with pytest.raises(BadInput, match="the hub offers 7"):
        check_offer("a/b", manifest, sizes | {"step.onnx": 7})
    del sizes["step.onnx"]
    with pytest.raises(BadInput, match=r"step\.onnx: file: expected one, found none"):
        check_offer("a/b", manifest, sizes)
