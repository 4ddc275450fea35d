"""Firefox by its own remote protocol, Marionette: Playwright drives only a Firefox of its own."""

import json
import shutil
import socket
import subprocess
import time

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
ERRORS = """
return Services.console.getMessageArray()
    .filter((m) => m instanceof Ci.nsIScriptError && !(m.flags & Ci.nsIScriptError.warningFlag))
    .filter((m) => /^(file|blob|https?):/.test(m.sourceName))
    .map(String);
"""


class Firefox:
    """One window without a screen; `run` calls a function body in its page."""

    def __init__(self, profile):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
        command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
        command.append("-remote-allow-system-access")  # for the errors of scripts
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.socket, self.rest, self.number = self._connected(port), b"", 0
        self._answer()  # it says who it is
        self.do("WebDriver:NewSession", capabilities={})

    def _connected(self, port, seconds=120):
        end = time.monotonic() + seconds
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=seconds)
            except ConnectionRefusedError:
                assert time.monotonic() < end, "Firefox does not answer"
                time.sleep(0.2)

    def _answer(self):
        while b":" not in self.rest:
            self.rest += self.socket.recv(1 << 16)
        length, _, self.rest = self.rest.partition(b":")
        while len(self.rest) < int(length):
            self.rest += self.socket.recv(1 << 16)
        told, self.rest = self.rest[: int(length)], self.rest[int(length) :]
        return json.loads(told)

    def do(self, command, **parameters):
        """Send one command, and return its result."""
        self.number += 1
        told = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(str(len(told)).encode() + b":" + told)
        _, _, error, result = self._answer()
        assert error is None, error
        return result

    def open(self, url):
        """Load a page."""
        self.do("WebDriver:Navigate", url=url)

    def run(self, script, *told):
        """What a function of the page with this body returns."""
        return self.do("WebDriver:ExecuteScript", script=script, args=told)["value"]

    def until(self, script, *told, seconds=60):
        """Wait until it returns what is true, and return that."""
        end = time.monotonic() + seconds
        while not (value := self.run(script, *told)):
            assert time.monotonic() < end, script
            time.sleep(0.1)
        return value

    def errors(self):
        """The errors of scripts that pages have had so far."""
        self.do("Marionette:SetContext", value="chrome")
        told = self.run(ERRORS)
        self.do("Marionette:SetContext", value="content")
        return told

    def close(self):
        """End the process."""
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=60)
