"""An OpenAI-compatible endpoint on loopback that counts requests and misbehaves when told to; a judge run on it."""

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from workspace import ROOT

from maple import alpaca_eval_items, files, manifests
from maple.canonical import canonical

KEY = "sk-planted-0123456789"
SPEC = {"annotator": "alpaca_eval_gpt4", "model": "gpt-4"}
ANSWER = re.compile(r'"answer": """(.*?)"""', re.DOTALL)
RANKS = "[{{'model': 'model_1', 'rank': {}}}, {{'model': 'model_2', 'rank': {}}}]"


def prefer_longer(request) -> dict:
    """Rank the longer output first, in the words that the prompt of alpaca_eval_gpt4 asks for."""
    first, second = map(len, ANSWER.findall(request["messages"][-1]["content"]))
    return {"text": RANKS.format(*((1, 2) if first > second else (2, 1)))}


class Handler(BaseHTTPRequestHandler):
    """POST /v1/chat/completions; the faults planned come first."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, **headers):
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        judge = self.server.judge
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"error": {"message": "no such address"}})
        with judge.lock:
            judge.keys.add(self.headers["Authorization"])
            judge.asked[json.dumps(body, sort_keys=True)] += 1
            fault = judge.faults.pop(0) if judge.faults else judge.always
        if fault == "hang":
            judge.hanging.set()
            judge.release.wait(60)
            return None
        if isinstance(fault, int):
            # Some endpoints repeat the key they refuse.
            said = {"error": {"message": f"you sent {self.headers['Authorization']}"}}
            return self.reply(fault, said, retry_after_ms="20")
        if fault is not None:
            return self.reply(200, fault)
        with judge.lock:
            found = judge.answer(body)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": found["text"]}}
        choice |= {"logprobs": found["logprobs"]} if "logprobs" in found else {}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        whole = {"id": "x", "object": "chat.completion", "created": 0, "model": f"{body['model']}-0613"}
        return self.reply(200, whole | {"choices": [choice], "usage": usage})


class JudgeServer:
    """The server, what it was asked and with which keys."""

    def __init__(self, answer=prefer_longer):
        self.answer, self.asked, self.keys, self.faults, self.always = answer, Counter(), set(), [], None
        self.lock, self.hanging, self.release = threading.Lock(), threading.Event(), threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.judge = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


def prepare_outputs(folder):
    """Prepare six instructions, and outputs of a made-up system: two longer than the reference, one equal to it."""
    spec = canonical({"source": "sample", "reference": "sample", "limit": 6})
    alpaca_eval_items.prepare(spec, "code", folder / "items/index.json")
    items = files.read_jsonl(folder / "items/items.jsonl")
    texts = [item["reference"] for item in items]
    texts = [texts[0] * 2, "short", texts[2], "", texts[4] * 3, "short"]
    records = [{"id": item["id"], "output": text} for item, text in zip(items, texts, strict=True)]
    target = folder / "outputs/en.jsonl"
    files.write_jsonl(target, records)
    listed = {target.name: manifests.describe(target)}
    manifests.write(folder / "outputs/index.json", spec="{}", code="", inputs={}, files=listed)
    return folder


def command(outputs, folder, url, spec=SPEC, parallel=2):
    """Return the command that judges prepared outputs, all it writes going below a folder."""
    return [
        sys.executable, "workflow/scripts/judge.py", "--spec", canonical(spec), "--code", "c",
        "--items", f"{outputs}/items/index.json", "--predictions", f"{outputs}/outputs/index.json",
        "--out", f"{folder}/judged/index.json", "--answers", f"{folder}/answers", "--scratch", f"{folder}/scratch",
        "--base-url", url, "--parallel", str(parallel), "--log", f"{folder}/judge.log",
    ]  # fmt: skip


def run(arguments, key=KEY):
    """Run a command with a key in its environment, which it must not show."""
    kept = os.environ | {"OPENAI_API_KEY": key}
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=kept)
    assert KEY not in done.stdout + done.stderr
    return done


def annotations(folder):
    return files.read_jsonl(folder / "judged/annotations.jsonl")


def assert_no_key(folder):
    for path in Path(folder).rglob("*"):
        assert not (path.is_file() and KEY.encode() in path.read_bytes()), path
