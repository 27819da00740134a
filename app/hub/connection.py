"""The hub that worlds come from and go to. Owns talking to it and saying in one line what went wrong; refuses to judge
what is fetched (contents, pull).

Login and choice of a hub are the hub library's own: `hf auth login` or HF_TOKEN, and HF_ENDPOINT. Files are streamed
here rather than by that library, which begins a file again when it was interrupted and can't be told where to stop.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, disable_progress_bars, get_session, hf_raise_for_status, logging

from engine.measuring.machine import package_version
from models.manifest import BadInput

RETRIES = 5  # in a row without a byte
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Listing:
    """What a repository holds at a commit: bytes by file name, None where the hub doesn't say."""

    commit: str
    files: dict[str, int | None]


@dataclass(frozen=True)
class RemoteFile:
    """A file at a commit, with the size that the manifest says."""

    repo: str
    commit: str
    name: str
    size: int


def check_repo(repo: str) -> str:
    """ORG/NAME, if it is one. Raises BadInput."""
    if _REPO.fullmatch(repo) is None or ".." in repo or "--" in repo:
        raise BadInput(f"{repo}: repository: expected ORG/NAME")
    return repo


class Hub:
    """One hub, by default the one that HF_ENDPOINT names. All methods raise BadInput in one line."""

    def __init__(self, endpoint: str | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        disable_progress_bars()  # the commands show their own
        logging.set_verbosity_error()
        # Read now: the library reads it when it is imported, which something else may have done before.
        chosen = endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
        self.endpoint = chosen.rstrip("/")
        self._api = HfApi(
            endpoint=self.endpoint, library_name="dreamcade", library_version=package_version("dreamcade")
        )
        self._pause = pause

    def list_files(self, repo: str) -> Listing:
        """The newest commit of a repository and what it holds."""
        with self._telling(repo):
            timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
            info = self._api.model_info(repo, revision="main", files_metadata=True, timeout=timeout)
            files = {str(entry.rfilename): entry.size for entry in info.siblings or []}
            if not isinstance(info.sha, str) or re.fullmatch("[0-9a-f]{40}", info.sha) is None:
                raise ValueError("no commit")
            return Listing(info.sha, files)

    def fetch(self, remote: RemoteFile, part: Path, advance: Callable[[int], None]) -> None:
        """Append to `part` what it lacks of a file. `advance` hears how many bytes came, or were thrown away (< 0)."""
        failures = 0
        with self._telling(remote.repo):
            part.touch()
            while (have := part.stat().st_size) < remote.size:
                try:
                    self._append(remote, part, have, advance)
                    problem: Exception = ConnectionError("the answer ended early")
                except (httpx2.TransportError, HfHubHTTPError) as error:
                    if isinstance(error, HfHubHTTPError) and not _may_pass(error):
                        raise
                    problem = error
                now = part.stat().st_size
                failures = 0 if now > have else failures + 1
                if now < remote.size and failures > RETRIES:
                    raise problem
                if failures:
                    self._pause(min(2.0**failures / 2, 8.0))

    def create(self, repo: str, private: bool) -> None:
        """Make sure that a repository is there; a new one is private where that is asked for."""
        with self._telling(repo):
            self._api.create_repo(repo, exist_ok=True, private=private or None)

    def commit(self, repo: str, folder: Path, names: Sequence[str], stale: Sequence[str], parent: str) -> str:
        """Put files of `folder` into a repository and take `stale` out, all in one commit on top of `parent`. Returns
        the commit."""
        additions = [CommitOperationAdd(name, folder / name) for name in names]
        deletions = [CommitOperationDelete(name) for name in stale]
        with self._telling(repo):
            info = self._api.create_commit(
                repo, [*additions, *deletions], commit_message="World by Dreamcade", parent_commit=parent
            )
            return info.oid

    def _append(self, remote: RemoteFile, part: Path, have: int, advance: Callable[[int], None]) -> None:
        """One request: bytes `have` up to the size that the manifest says, and not one more."""
        url = hf_hub_url(remote.repo, remote.name, revision=remote.commit, endpoint=self.endpoint)
        headers = build_hf_headers(library_name="dreamcade", library_version=package_version("dreamcade"))
        headers |= {"Accept-Encoding": "identity", "Range": f"bytes={have}-{remote.size - 1}"}
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            hf_raise_for_status(response)
            begin = self._check_answer(remote, response, have)
            with part.open("r+b") as file:
                file.truncate(begin)
                file.seek(begin)
                advance(begin - have)
                for chunk in response.iter_bytes():  # as they come: nothing waits that a kill would cost
                    begin += len(chunk)
                    if begin > remote.size:
                        _too_large(remote, f"more than {remote.size}")
                    file.write(chunk)
                    file.flush()
                    advance(len(chunk))
                os.fsync(file.fileno())

    def _check_answer(self, remote: RemoteFile, response: httpx2.Response, have: int) -> int:
        """From which byte on an answer tells a file. Raises BadInput where it announces another size."""
        total: str | None = response.headers.get("Content-Length")
        begin = 0
        if response.status_code == httpx2.codes.PARTIAL_CONTENT:
            told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if told is None or int(told[1]) != have:
                raise httpx2.RemoteProtocolError("another range than was asked for")
            total, begin = None if told[2] == "*" else told[2], have
        if total is not None and total != str(remote.size):
            _too_large(remote, total)
        return begin

    @contextmanager
    def _telling(self, repo: str) -> Iterator[None]:
        """Turns whatever goes wrong while the hub is talked to into one line."""
        try:
            yield
        except BadInput:
            raise
        except Exception as error:  # the library's, its transport's and the disk's share no base class
            wrapped = isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception)
            cause = error.__cause__ if wrapped else error
            raise BadInput(f"{repo}: {_reason(cause or error, self.endpoint)}") from error


def _too_large(remote: RemoteFile, found: str) -> NoReturn:
    raise BadInput(f"{remote.repo}: {remote.name}: size: expected {remote.size} bytes, the hub sends {found}")


def _may_pass(error: HfHubHTTPError) -> bool:
    """Whether asking once more may help."""
    return error.response.status_code >= 500 or error.response.status_code in (408, 429)


def _reason(error: BaseException, endpoint: str) -> str:
    """What was expected and what came instead."""
    if isinstance(error, OfflineModeIsEnabled):
        return "hub: expected to reach it, but HF_HUB_OFFLINE forbids that"
    if isinstance(error, HfHubHTTPError):
        return _refusal(error)
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | ConnectionError | TimeoutError):
        return f"hub: expected to reach {endpoint} ({_first_line(error)})"
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return f"disk: expected room for it ({error.strerror})"
    if isinstance(error, OSError):
        return f"file: cannot be read or written ({error.strerror or _first_line(error)})"
    return f"hub: expected {endpoint} to answer as a hub does ({type(error).__name__}: {_first_line(error)})"


def _refusal(error: HfHubHTTPError) -> str:
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return "access: expected leave of its owners, which its page tells how to ask for"
    if isinstance(error, EntryNotFoundError):
        return "file: expected one that the listing promised, found none (404)"
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return (
            f"repository: expected a public one, or a login that may read it (`hf auth login`), found none ({status})"
        )
    if status == 401:
        return "login: expected a token that the hub accepts (`hf auth login`) (401)"
    if status == 403:
        return "access: expected a login that may do this (`hf auth login`), the hub refuses (403)"
    return f"hub: expected to be served, it answers {status}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
