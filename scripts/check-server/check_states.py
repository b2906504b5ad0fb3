"""Kills the server while it saves states: each saved file must be whole. Refuses names that are none.

usage: check_states.py RETNET FOLDER       FOLDER has bos.safetensors
"""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from alone import Alone
from checks import Checks
from server import Server

KILLS = 10
NAMES = ["a", "b.c", "D_e-f", "x" * 64]
BEGINNINGS = ["The first text of a state", "Another text, " * 40, "A third one\n" * 200]
REQUEST = {"prompt": " goes on", "max_tokens": 12, "seed": 4}

BAD_NAMES = [
    "..", ".", ".hidden", "x" * 65, "a b", "a\\b", "ä", "a\0b", "a\n", "", "../x", "/etc/x", "a/b", "%2e%2e%2fx",
]  # fmt: skip
# As they stand in the path of a request.
BAD_PATHS = ["../x", "%2e%2e%2fx", "..%2fx", "%2E%2E/x", "", "x" * 65, ".hidden", "a%00b", "a%2fb", "%ff", "..", "%"]


def states_of(server):
    return {state["id"]: state for state in server.call("GET", "/v1/states")[1]["data"]}


def continued(server, state):
    """The text behind a state."""
    status, answer = server.call("POST", "/v1/completions", REQUEST | {"state": state})
    return answer["choices"][0]["text"] if status == 200 else f"{status}: {answer}"


def save_until_killed(server, name, rng):
    """Replaces a state by one of another text and saves it, again and again."""
    try:
        while True:
            server.call("PUT", f"/v1/states/{name}", {"prompt": rng.choice(BEGINNINGS)})
            server.call("POST", f"/v1/states/{name}/save")
    except (OSError, http.client.HTTPException):
        # The server is gone.
        pass


def check_kills(checks, alone, folder):
    with Server(alone.retnet, alone.model, "--state-dir", folder) as server:
        texts = {}
        for beginning in BEGINNINGS:
            status, state = server.call("PUT", "/v1/states/a", {"prompt": beginning})
            checks.equal("a state of a text", (status, state["id"], state["object"]), (200, "a", "state"))
            texts[state["tokens"]] = continued(server, "a")
    checks.equal("states of texts of several lengths", len(texts), len(BEGINNINGS))
    rng = random.Random(2)
    seen = 0
    for kill in range(KILLS):
        with Server(alone.retnet, alone.model, "--state-dir", folder) as server:
            savers = [
                threading.Thread(target=save_until_killed, args=[server, name, random.Random(f"{kill} {name}")])
                for name in NAMES
            ]
            for saver in savers:
                saver.start()
            time.sleep(rng.uniform(0.05, 1.0))
            server.kill()
            for saver in savers:
                saver.join()
        seen += check_files(checks, alone, folder, texts, f"kill {kill + 1}")
    checks.true("states were saved before the kills", seen >= KILLS, f"{seen} files")


def check_files(checks, alone, folder, texts, what):
    """Every file is whole, and its state is that of one of the texts; returns how many there are."""
    files = sorted(folder.glob("*.state"))
    with Server(alone.retnet, alone.model, "--state-dir", folder) as server:
        listed = states_of(server)
        checks.equal(f"{what}: states in the list", sorted(listed), sorted(file.stem for file in files))
        for file in files:
            info = subprocess.run([alone.retnet, "state", "info", file, "--json"], capture_output=True)
            if not checks.equal(f"{what}: status of state info {file.name}", info.returncode, 0):
                continue
            tokens = json.loads(info.stdout)["tokens"]
            status, state = server.call("POST", f"/v1/states/{file.stem}/load")
            checks.equal(f"{what}: {file.stem} loaded", (status, state.get("tokens")), (200, tokens))
            text = continued(server, file.stem)
            checks.equal(f"{what}: text behind {file.stem}", text, texts.get(tokens, "one of the texts"))
            program = alone.generate(REQUEST, "--state-in", file)[0]["text"]
            checks.equal(f"{what}: text of the program behind {file.stem}", text, program)
    return len(files)


def check_files_of_program(checks, alone, folder):
    """A file of `generate` is a state of the server."""
    alone.generate({"prompt": BEGINNINGS[0], "max_tokens": 5, "seed": 1}, "--state-out", folder / "made.state")
    with Server(alone.retnet, alone.model, "--state-dir", folder) as server:
        status, _ = server.call("POST", "/v1/states/made/load")
        checks.equal("a file of the program is loaded", status, 200)
        program = alone.generate(REQUEST, "--state-in", folder / "made.state")[0]["text"]
        checks.equal("the text behind it", continued(server, "made"), program)
        (folder / "broken.state").write_bytes((folder / "made.state").read_bytes()[:-9])
        status, answer = server.call("POST", "/v1/states/broken/load")
        checks.true("a broken file is refused", 400 <= status < 500, f"{status}: {answer}")
        checks.equal("the server goes on", server.call("GET", "/health")[0], 200)


def status_of(server, method, path, body):
    """The status of a request whose path is sent as it stands."""
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = server.send(head.encode("latin-1") + body)
    return int(answer[9:12]) if answer[9:12].isdigit() else answer[:40]


def check_names(checks, alone, parent):
    folder = parent / "states"
    with Server(alone.retnet, alone.model, "--state-dir", folder) as server:
        server.call("PUT", "/v1/states/good", {"prompt": "a"})
        server.call("POST", "/v1/states/good/save")
        before = all_files(parent)
        for name in BAD_PATHS:
            for method, path in [
                ("PUT", name), ("GET", name), ("DELETE", name), ("POST", f"{name}/save"), ("POST", f"{name}/load"),
                ("POST", f"{name}/undo"), ("POST", f"{name}/fork"),
            ]:  # fmt: skip
                if (method, path) == ("GET", ""):
                    continue
                body = b"" if method in ("GET", "DELETE") else b'{"to": "other", "tokens": 1}'
                status = status_of(server, method, f"/v1/states/{path}", body)
                allowed = (400, 404, 405) if name == "" else (400, 404)
                checks.true(f"refused: {method} /v1/states/{path}", status in allowed, str(status))
        for name in BAD_NAMES:
            for what, method, path, body in [
                ("fork", "POST", "/v1/states/good/fork", {"to": name}),
                ("state of PUT", "PUT", "/v1/states/new", {"state": name}),
                ("save_state", "POST", "/v1/completions", {"prompt": "a", "max_tokens": 1, "save_state": name}),
                ("state", "POST", "/v1/completions", {"prompt": "a", "max_tokens": 1, "state": name}),
            ]:
                status, answer = server.call(method, path, body)
                checks.true(f"refused: {what} {name!r}", status in (400, 404), f"{status}: {answer}")
        checks.equal("names of states", sorted(states_of(server)), ["good"])
        checks.equal("files of states", all_files(parent), before)
        checks.equal("a good name that exists", server.call("POST", "/v1/states/good/fork", {"to": "good"})[0], 409)


def all_files(folder):
    return sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)


def main():
    retnet, models = sys.argv[1], Path(sys.argv[2])
    checks = Checks("states")
    alone = Alone(retnet, models / "bos.safetensors", 1)
    for check in (check_kills, check_files_of_program):
        with tempfile.TemporaryDirectory() as folder, checks.part(check.__name__):
            check(checks, alone, Path(folder))
    with tempfile.TemporaryDirectory() as parent, checks.part("names"):
        (Path(parent) / "states").mkdir()
        check_names(checks, alone, Path(parent))
    checks.finish()


if __name__ == "__main__":
    main()
