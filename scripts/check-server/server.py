"""Runs the server as a child process."""

import json
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request

STARTING_SECONDS = 60


class Server:
    """A running server: with Server(retnet, model, "--state-dir", folder) as server: …"""

    def __init__(self, retnet, model, *flags):
        command = [retnet, "serve", "-m", model, "--port", "0", "--model-name", "tiny", *flags]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        self.port = None
        listening = threading.Event()
        threading.Thread(target=self._listen, args=[listening], daemon=True).start()
        listening.wait(STARTING_SECONDS)
        if self.port is None:
            self.kill()
            raise RuntimeError(f"the server does not listen: {self.tail()}")

    def _listen(self, listening):
        for line in self.process.stderr:
            self.lines = self.lines[-200:] + [line.rstrip()]
            if found := re.search(r"listening on http://[^ ]*:(\d+)", line):
                self.port = int(found[1])
                listening.set()
        listening.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self):
        return self.process.poll() is None

    def tail(self):
        """The last lines that it wrote to standard error."""
        return "\n".join(self.lines[-20:])

    def resident(self):
        """Its memory in KiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def call(self, method, path, body=None, headers=None, seconds=60):
        """Sends a request; returns the status and the answer, JSON as a value, else text."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers or {}, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, _value(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, _value(answer.read())

    def send(self, data, seconds=10):
        """Sends bytes on a connection of their own; returns what arrives until it is closed, or nothing more does."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            connection.settimeout(seconds)
            try:
                connection.sendall(data)
                while part := connection.recv(65_536):
                    answer += part
            except (TimeoutError, ConnectionError):
                pass
        return answer

    def metrics(self):
        """The sums of the metrics over their labels, by name."""
        sums = {}
        for line in self.call("GET", "/metrics")[1].splitlines():
            if found := re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)", line):
                sums[found[1]] = sums.get(found[1], 0) + float(found[2])
        return sums

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


def _value(data):
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
