#!/usr/bin/env python3
"""README.md tells the truth: its commands are run and print what it shows ("..." stands for left-out
lines), its spec is the one of the quickstart, its Python runs.

    CIMDSE=build/cimdse tests/cli/readme.py --update     write what the commands print now
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ.get("CIM_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
README = os.path.join(ROOT, "README.md")
CIMDSE = os.path.abspath(os.environ.get("CIMDSE", os.path.join(ROOT, "build", "cimdse")))
NOT_HERE = ("cimdse submit", "cimdse status /scratch", "cimdse simulate network.onnx")


def run(command, folder):
    env = dict(os.environ, PATH=os.path.dirname(CIMDSE) + ":" + os.environ["PATH"],
               OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stderr}"
    return [line.rstrip() for line in done.stdout.splitlines()]


def chunks_of(lines):
    chunks = [[]]
    for line in lines:
        if line == "...":
            chunks.append([])
        else:
            chunks[-1].append(line)
    return chunks


def compare(command, expected, actual):
    at = 0
    for chunk in chunks_of(expected):
        n = len(chunk)
        found = [i for i in range(at, len(actual) - n + 1) if actual[i:i + n] == chunk]
        if not found:
            wrong = next((line for line in chunk if line not in actual), chunk[0] if chunk else "")
            return f"README.md: {command}: does not print\n  {wrong}"
        at = found[0] + n
    return None


def refresh(expected, actual):
    """As many lines as before: from the start, from the end, and between from the same first word."""
    chunks = chunks_of(expected)
    if len(chunks) == 1:
        return actual
    out = actual[:len(chunks[0])]
    for chunk in chunks[1:-1]:
        start = next((i for i, line in enumerate(actual) if line.split()[:1] == chunk[0].split()[:1]),
                     len(actual))
        out += ["..."] + actual[start:start + len(chunk)]
    return out + ["..."] + (actual[-len(chunks[-1]):] if chunks[-1] else [])


def sessions(block):
    """(command, lines it printed) of a console block."""
    found = []
    for line in block.split("\n"):
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


def main():
    update = "--update" in sys.argv[1:]
    with open(README) as f:
        text = f.read()
    complaints = []
    folder = tempfile.mkdtemp(prefix="cimdse-readme-")
    os.symlink(os.path.join(ROOT, "jobs"), os.path.join(folder, "jobs"))

    def block(match):
        language, body = match.group(1), match.group(2)
        if language == "console":
            shown = []
            for command, expected in sessions(body):
                if command.startswith(NOT_HERE):
                    shown += ["$ " + command] + expected
                    continue
                actual = run(command, folder)
                if expected or actual:
                    complaints.append(compare(command, expected, actual))
                shown += ["$ " + command] + refresh(expected, actual)
            body = "\n".join(shown)
        elif language == "json":
            with open(os.path.join(ROOT, "jobs", "quickstart.json")) as f:
                spec = f.read().strip()
            if body != spec:
                complaints.append("README.md: the spec differs from jobs/quickstart.json")
            body = spec
        elif language == "python":
            script = os.path.join(folder, "example.py")
            with open(script, "w") as f:
                f.write(body)
            assert run(f"{sys.executable} example.py", folder), "the Python example prints nothing"
        return f"```{language}\n{body}\n```"

    try:
        fresh = re.sub(r"```([a-z]+)\n(.*?)\n```", block, text, flags=re.S)
    finally:
        shutil.rmtree(folder)
    if update:
        with open(README, "w") as f:
            f.write(fresh)
        return 0
    complaints = [c for c in complaints if c]
    print("\n".join(complaints) or "ok")
    return 1 if complaints else 0


sys.exit(main())
