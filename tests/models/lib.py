"""What the tests of networks share: the program, skipping, expectations."""
import json
import os
import subprocess
import sys


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def need(*modules):
    for name in modules:
        try:
            __import__(name)
        except ImportError:
            skip("python3-%s is not installed" % name)
    if not os.path.exists(binary()):
        skip("no program at %s (set CIMDSE)" % binary())


def binary():
    return os.environ.get("CIMDSE", "cimdse")


def run(model, inputs=()):
    """Exit status, standard output, standard error of `cimdse model show`."""
    command = [binary(), "model", "show", model, "--json"]
    for i in inputs:
        command += ["--input", i]
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def show(model, inputs=()):
    code, out, err = run(model, inputs)
    if code != 0:
        raise AssertionError("%s: exit %d: %s" % (model, code, err.strip()))
    return json.loads(out)


class Checks:
    """Collects failures so that one run shows all of them."""

    def __init__(self):
        self.done = self.failed = 0

    def equal(self, what, found, expected):
        self.done += 1
        if found != expected:
            self.failed += 1
            print("FAILED %s: found %s, expected %s" % (what, found, expected))

    def true(self, what, condition):
        self.equal(what, bool(condition), True)

    def finish(self):
        print("%d checks, %d failed" % (self.done, self.failed))
        sys.exit(1 if self.failed or not self.done else 0)
