"""A hub on this machine: a real HTTP server that speaks the endpoints which the hub's own library uses.

Repositories are dictionaries. Large files are handed out by a second server, as the hub's are by another host. Every
request is noted, and a repository can be told to lie, to break off or to take its time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import yaml

TOKEN = "hf_of_the_owner"
SLICE = 1 << 14  # bytes that are sent at once


@dataclass
class Repository:
    """What a repository holds, and how its files are handed out. `listed` are sizes that the listing says instead;
    `cut` is after how many bytes each answer breaks off; `sent_instead` what is sent in a file's place."""

    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    listed: dict[str, int] = field(default_factory=dict)
    cut: int | None = None
    cuts_left: int = 1 << 30
    cut_file: str | None = None  # the only one that breaks off
    ranges: bool = True
    pause: float = 0.0  # seconds a slice
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    chunked: bool = False  # the answer doesn't say how long it is
    status: int | None = None  # answered to everything

    @property
    def commit(self) -> str:
        """Identity of the contents."""
        parts = "".join(f"{name}{hashlib.sha1(data).hexdigest()}" for name, data in sorted(self.files.items()))
        return hashlib.sha1(parts.encode()).hexdigest()


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    range: str | None
    token: str | None


class FakeHub:
    """Both servers and their state."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.lfs: dict[str, bytes] = {}
        hub = self

        class Handler(_Handler):
            state = hub

        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Where the hub is."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def store(self) -> str:
        """Where its large files are: another origin."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def add(self, repo: str, folder: Path, **changes: Any) -> Repository:
        """A repository with the files of a folder."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.repositories[repo] = Repository(files | {".gitattributes": b"", "README.md": b"# A world"}, **changes)
        return self.repositories[repo]

    def close(self) -> None:
        """Stop both servers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while (size := int(self.rfile.readline(), 16)) > 0:
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.state.asked.append(Asked(self.command, path, self.headers.get("Range"), token))
        for pattern, serve in _ROUTES:
            if match := re.fullmatch(pattern, path):
                serve(self, token, body, *match.groups())
                return
        self.answer({"error": "Not found"}, 404)

    def answer(self, document: Any, status: int = 200, **headers: str) -> None:
        """JSON, or nothing but headers."""
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def allowed(self, repo: str, token: str | None, write: bool = False) -> Repository | None:
        """The repository, or None after a refusal was sent."""
        found = self.state.repositories.get(repo)
        if token is not None and token != TOKEN:
            message = "Invalid credentials in Authorization header"
            self.answer({"error": message}, 401, X_Error_Message=message)
        elif found is not None and found.status is not None:
            self.answer({"error": "as told"}, found.status)
        elif write and token is None:
            self.answer({"error": "Invalid username or password."}, 401)
        elif found is None or (found.private and token is None):
            self.answer({"error": "Repository not found"}, 401 if token is None else 404, X_Error_Code="RepoNotFound")
        elif found.gated:
            self.answer({"error": "Access is restricted"}, 403, X_Error_Code="GatedRepo")
        else:
            return found
        return None


def _info(handler: _Handler, token: str | None, body: bytes, repo: str) -> None:
    found = handler.allowed(repo, token)
    if found is not None:
        siblings = [
            {"rfilename": name, "size": found.listed.get(name, len(data)), "blobId": hashlib.sha1(data).hexdigest()}
            for name, data in found.files.items()
        ]
        document = {"id": repo, "_id": "1", "sha": found.commit, "private": found.private, "siblings": siblings}
        handler.answer(document | {"tags": [], "downloads": 0})


def _resolve(handler: _Handler, token: str | None, body: bytes, repo: str, commit: str, name: str) -> None:
    found = handler.allowed(repo, token)
    if found is None:
        return
    if commit not in (found.commit, "main") or name not in found.files:
        handler.answer({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
    elif name.endswith(".onnx"):
        headers = {"Location": f"{handler.state.store}/store/{repo}/{quote(name)}", "X_Repo_Commit": found.commit}
        handler.answer({}, 302, X_Linked_Size=str(len(found.files[name])), **headers)
    else:
        _hand_out(handler, found, name)


def _store(handler: _Handler, token: str | None, body: bytes, repo: str, name: str) -> None:
    _hand_out(handler, handler.state.repositories[repo], name)


def _hand_out(handler: _Handler, found: Repository, name: str) -> None:
    """A file, or the range of it that was asked for."""
    data = found.sent_instead.get(name, found.files[name])
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "") if found.ranges else None
    begin, end = (int(wanted[1]), int(wanted[2] or len(data) - 1) + 1) if wanted else (0, len(data))
    part = data[begin:end]
    handler.send_response(206 if wanted else 200)
    handler.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
    handler.send_header("X-Repo-Commit", found.commit)
    if wanted:
        handler.send_header("Content-Range", f"bytes {begin}-{begin + len(part) - 1}/{len(data)}")
    if found.chunked:
        handler.send_header("Connection", "close")
        handler.close_connection = True
    else:
        handler.send_header("Content-Length", str(len(part)))
    handler.end_headers()
    cuts = found.cut is not None and found.cuts_left > 0 and found.cut_file in (None, name)
    cut = found.cut if cuts and found.cut is not None else len(part)
    sent = 0
    try:
        while sent < min(len(part), cut):
            handler.wfile.write(part[sent : min(sent + SLICE, cut)])
            sent = min(sent + SLICE, cut, len(part))
            time.sleep(found.pause)
    except OSError:
        handler.close_connection = True  # the other side has had enough
    if sent < len(part):
        found.cuts_left -= 1
        handler.close_connection = True


def _create(handler: _Handler, token: str | None, body: bytes) -> None:
    asked = json.loads(body)
    repo = f"{asked['organization']}/{asked['name']}"
    if token != TOKEN:
        handler.answer({"error": "Invalid username or password."}, 401)
    elif repo in handler.state.repositories:
        handler.answer({"url": f"{handler.state.endpoint}/{repo}", "error": "You already created this repo"}, 409)
    else:
        private = asked.get("visibility") == "private"
        handler.state.repositories[repo] = Repository({".gitattributes": b""}, private=private)
        handler.answer({"url": f"{handler.state.endpoint}/{repo}"})


def _preupload(handler: _Handler, token: str | None, body: bytes, repo: str) -> None:
    if handler.allowed(repo, token, write=True) is not None:
        files = [
            {
                "path": entry["path"],
                "uploadMode": "lfs" if entry["path"].endswith((".onnx", ".npz")) else "regular",
                "shouldIgnore": False,
            }
            for entry in json.loads(body)["files"]
        ]
        handler.answer({"files": files})


def _lfs_batch(handler: _Handler, token: str | None, body: bytes, repo: str) -> None:
    if handler.allowed(repo, token, write=True) is not None:
        objects = [
            dict(entry)
            if entry["oid"] in handler.state.lfs
            else dict(entry, actions={"upload": {"href": f"{handler.state.store}/lfs/{entry['oid']}", "header": {}}})
            for entry in json.loads(body)["objects"]
        ]
        handler.answer({"transfer": "basic", "objects": objects})


def _lfs_put(handler: _Handler, token: str | None, body: bytes, oid: str) -> None:
    whole = hashlib.sha256(body).hexdigest() == oid
    if whole:
        handler.state.lfs[oid] = body
    handler.answer({}, 200 if whole else 400)


def _commit(handler: _Handler, token: str | None, body: bytes, repo: str) -> None:
    found = handler.allowed(repo, token, write=True)
    if found is None:
        return
    files = dict(found.files)
    for line in map(json.loads, body.splitlines()):
        value = line["value"]
        if line["key"] == "header" and value.get("parentCommit", found.commit) != found.commit:
            handler.answer({"error": "A commit has happened since"}, 412)
            return
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = handler.state.lfs[value["oid"]]
        elif line["key"] == "deletedFile":
            del files[value["path"]]
    found.files = files
    handler.answer({"commitOid": found.commit, "commitUrl": f"{handler.state.endpoint}/{repo}/commit/{found.commit}"})


_REPO = "([^/]+/[^/]+)"
_ROUTES: list[tuple[str, Callable[..., None]]] = [
    (f"/api/models/{_REPO}/revision/main", _info),
    (f"/api/models/{_REPO}", _info),
    ("/api/repos/create", _create),
    (f"/api/models/{_REPO}/preupload/main", _preupload),
    (f"/api/models/{_REPO}/commit/main", _commit),
    (r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", _lfs_batch),
    ("/lfs/([0-9a-f]+)", _lfs_put),
    (f"/{_REPO}/resolve/([^/]+)/(.+)", _resolve),
    (f"/store/{_REPO}/(.+)", _store),
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A running hub without repositories, which commands find by HF_ENDPOINT; nobody is logged in."""
    from huggingface_hub import constants

    running = FakeHub()
    monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # it needs a server of its own kind
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield running
    running.close()


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has a token stand where the hub's own login puts it."""
    return lambda token=TOKEN: monkeypatch.setenv("HF_TOKEN", token)


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that worlds are pulled into."""
    folder = tmp_path / "data" / "worlds"
    monkeypatch.setenv("DREAMCADE_WORLDS", str(folder))
    return folder


@pytest.fixture
def large_world(make_world: Callable[..., Path]) -> Path:
    """A world called `vast` whose step graph is a megabyte and a half, so that there is something to interrupt."""
    import onnx

    folder = make_world("vast")
    graph = onnx.load(str(folder / "step.onnx"))
    graph.doc_string = "x" * 1_500_000
    (folder / "step.onnx").write_bytes(graph.SerializeToString())
    (folder / "metrics.json").write_text("{}")
    path = folder / "manifest.yaml"
    document = yaml.safe_load(path.read_text())
    for name in ("step.onnx", "metrics.json"):
        data = (folder / name).read_bytes()
        document["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(yaml.safe_dump(document | {"metrics": "metrics.json"}))
    return folder
