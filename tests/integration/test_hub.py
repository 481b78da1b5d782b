"""The hub as a server on loopback that speaks its file protocol and misbehaves on request.

huggingface_hub reads its environment when it is imported, so each call runs in a process of its own.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from workspace import ROOT

COMMIT = "c0ffee" + "0" * 34
FILES = {
    "en/test.jsonl": b'{"text": "sky"}\n' * 1000,
    "config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 8,
    "pytorch_model.bin": b"never fetched",
}
REVISIONS = {"main", "refs/convert/parquet", COMMIT}
CALL = """
import json, sys, time
from maple import hub, logs
hub.BASE_DELAY = 0
time.sleep = lambda seconds: None  # huggingface_hub's own delays
logs.setup_logging()
name, arguments = json.loads(sys.argv[1])
logs.run(lambda: print(getattr(hub, name)(*arguments)) or 0)
"""


class Handler(BaseHTTPRequestHandler):
    """Serves the repository ``o/n``; the faults planned for a kind of request come first."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.respond()

    def do_GET(self):
        self.respond()

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def respond(self):
        path = self.path.split("?")[0]
        parts = path.removeprefix("/datasets").split("/")
        hub = self.server.hub
        if "resolve" not in parts and not path.startswith("/api/models/"):
            return self.answer(404)  # huggingface_hub also asks for a list of coding agents
        kind = "API" if parts[1] == "api" else self.command
        with hub.lock:
            hub.requests.append((kind, path, self.headers["Authorization"]))
            fault = hub.faults[kind].pop(0) if hub.faults[kind] else hub.always
        repository = parts[3:5] if kind == "API" else parts[1:3]
        if isinstance(fault, tuple):
            return self.answer(fault[0], X_Error_Code=fault[1])
        if fault == "drop":
            return None
        if repository != ["o", "n"]:
            return self.answer(404, X_Error_Code="RepoNotFound")
        if unquote(parts[6 if kind == "API" else 4]) not in REVISIONS:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        if kind == "API":
            tree = [
                {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                for n, b in FILES.items()
            ]
            return self.answer(200, json.dumps(tree if parts[5] == "tree" else {"id": "o/n", "sha": COMMIT}).encode())
        name = "/".join(parts[5:])
        if name not in FILES:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        body = FILES[name]
        length = len(body)
        if fault in ("truncated", "short"):
            body = body[: length // 2]
            length = length if fault == "truncated" else len(body)
        etag = f'"{hashlib.sha1(FILES[name]).hexdigest()}"'
        return self.answer(200, body, length, ETag=etag, X_Repo_Commit=COMMIT)


class Hub:
    """The server, what it was asked, and a user's environment that knows it as the hub."""

    def __init__(self, folder):
        self.requests, self.faults, self.always = [], defaultdict(list), None
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.hub = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.home = folder / "hf"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "HF_HOME": str(self.home),
            "HF_ENDPOINT": f"http://127.0.0.1:{self.server.server_port}",
            "PYTHONPATH": str(ROOT / "workflow/scripts"),
        }

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def count(self, kind):
        return sum(kind == asked for asked, _, _ in self.requests)

    def call(self, function, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-c", CALL, json.dumps([function, arguments])],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def got(self, function, *arguments, **environment):
        """Return the path that a call returns."""
        done = self.call(function, *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return Path(done.stdout.strip())

    def refused(self, function, *arguments, **environment):
        """Return the one line with which a call fails."""
        done = self.call(function, *arguments, **environment)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        lines = done.stderr.splitlines()
        assert [number for number, line in enumerate(lines) if "error: " in line] == [len(lines) - 1], done.stderr
        return lines[-1]


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path)
    yield hub
    hub.stop()


DATA = ("dataset_file", "o/n", "en/test.jsonl")
MODEL = ("model_folder", "o/n", "main", ["*.safetensors", "*.json"])


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet", COMMIT])
def test_a_file_then_again_without_the_hub(hub, revision):
    found = hub.got(*DATA, revision)
    assert found.read_bytes() == FILES["en/test.jsonl"] and COMMIT in found.parts
    assert {path.split("/resolve/")[1].split("/")[0] for _, path, _ in hub.requests} == {revision.replace("/", "%2F")}
    asked = len(hub.requests)
    hub.stop()
    assert hub.got(*DATA, revision, HF_HUB_OFFLINE="1") == found
    assert hub.got(*DATA, revision) == found
    assert len(hub.requests) == asked


def test_a_cached_file_survives_a_hub_in_trouble(hub):
    found = hub.got(*DATA, "main")
    hub.always = (503, "")
    assert hub.got(*DATA, "main") == found


@pytest.mark.parametrize("answer", [(401, "GatedRepo"), (403, "GatedRepo"), (403, ""), (401, "")])
@pytest.mark.parametrize(("call", "page"), [((*DATA, "main"), "datasets/o/n"), (MODEL, "o/n")], ids=["data", "model"])
def test_access_refused(hub, answer, call, page):
    hub.always = answer
    message = hub.refused(*call)
    assert f"https://huggingface.co/{page} " in message and "HF_TOKEN" in message
    assert len(hub.requests) == 1


def test_the_token_is_sent_and_never_shown(hub):
    token = "hf_planted_0123456789"
    done = hub.call(*DATA, "main", HF_TOKEN=token + "\n")
    assert done.returncode == 0
    assert {sent for _, _, sent in hub.requests} == {f"Bearer {token}"}
    outputs = [done]
    for hub.always, bad in [((403, "GatedRepo"), ""), ((401, "GatedRepo"), ""), ((503, ""), ""), (None, " \n x")]:
        outputs.append(hub.call("dataset_file", "o/n", "other.jsonl", "main", HF_TOKEN=token + bad))
        assert outputs[-1].returncode == 1
    assert not [done for done in outputs if token in done.stdout + done.stderr]


def test_the_token_of_a_login_is_not_used(hub):
    hub.home.mkdir()
    (hub.home / "token").write_text("hf_planted_0123456789")
    hub.got(*DATA, "main")
    hub.got(*MODEL)
    assert {sent for _, _, sent in hub.requests} == {None}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ((*DATA, "v9"), "o/n@v9/en/test.jsonl: the hub has no such revision"),
        (("model_folder", "o/n", "v9", ["*"]), "o/n@v9: the hub has no such revision"),
        (("dataset_file", "o/n", "xx/test.jsonl", "main"), "o/n@main/xx/test.jsonl: the revision has no such file"),
        (("dataset_file", "o/other", "x", "main"), "o/other: no such repository"),
        (("model_folder", "o/other", "main", ["*"]), "o/other: no such repository"),
    ],
)
def test_what_the_hub_does_not_have_is_asked_for_once(hub, call, expected):
    assert expected in hub.refused(*call)
    assert len(hub.requests) == 1


def test_a_name_that_is_no_repository(hub):
    assert "owner/name" in hub.refused("dataset_file", "not a/name", "x", "main")


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        ("HEAD", [(503, ""), (503, "")]),
        ("HEAD", [(429, ""), "drop"]),
        ("GET", [(503, ""), (500, "")]),
        ("GET", ["drop", "drop"]),
        ("GET", ["truncated"]),
        ("GET", ["short"]),
    ],
    ids=str,
)
def test_passing_faults(hub, kind, faults):
    hub.faults[kind] = list(faults)
    assert hub.got(*DATA, "main").read_bytes() == FILES["en/test.jsonl"]
    assert not hub.faults[kind] and hub.count("GET") == 1 + (kind == "GET") * len(faults)


def test_a_hub_that_stays_in_trouble(hub):
    hub.always = (503, "")
    for call in ((*DATA, "main"), MODEL):
        before = len(hub.requests)
        message = hub.refused(*call)
        assert "HTTP 503" in message and "try again later" in message
        assert len(hub.requests) - before == 4  # not four times what huggingface_hub repeats


def test_what_huggingface_hub_repeats_is_not_repeated_again(hub):
    hub.faults["HEAD"] = [(503, "")] * 50
    assert "HTTP 503" in hub.refused("model_folder", "o/n", "main", ["config.json"])
    assert hub.count("HEAD") == 7


@pytest.mark.parametrize("call", [(*DATA, "main"), MODEL], ids=["data", "model"])
def test_no_hub_and_nothing_cached(hub, call):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but nobody listens
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        message = hub.refused(*call, HF_ENDPOINT=endpoint)
        assert "not in the local cache" in message and "ConnectError" in message and "network" in message
    assert "HF_HUB_OFFLINE" in hub.refused(*call, HF_HUB_OFFLINE="1")
    assert "trying again" not in hub.call(*call, HF_HUB_OFFLINE="1").stderr
    assert hub.requests == []


def test_a_model_folder(hub):
    hub.faults["API"] = [(503, ""), "drop"]
    hub.faults["GET"] = [(500, "")]
    assert "HF_HUB_OFFLINE" in hub.refused(*MODEL, True)
    assert hub.requests == []
    folder = hub.got(*MODEL)
    assert folder.name == COMMIT
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: FILES[name] for name in ("config.json", "model.safetensors")
    }
    hub.stop()
    assert hub.got("model_folder", "o/n", COMMIT, MODEL[3], True) == folder
    assert hub.got(*MODEL) == folder
