#!/usr/bin/env python3
"""Makes readable Markdown of what loop.mjs has recorded.

    transcript.py RECORD                prints it
    transcript.py RECORD --into FILE    writes it between the two marks in FILE and leaves the rest alone

Nothing is made up and nothing evened out: ids, paths, times and numbers of bytes are those of the one run.
"""

import argparse
import json
import os
import sys

BEGIN = "<!-- transcript: begin -->"
END = "<!-- transcript: end -->"
TITLES = {"pre-flight": "What would it need?", "run": "A run with too little memory", "why": "Why did it end?",
          "retry": "Again, with what it is said to need", "verify": "Is what it wrote as it should be?"}
LANGUAGES = {".py": "python", ".toml": "toml"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def fenced(text, language):
    return [f"```{language}", *text.rstrip("\n").split("\n"), "```", ""]


def as_json(value):
    return fenced(json.dumps(value, indent=2, ensure_ascii=False), "json")


def notice(entry):
    """One progress notification as a line of a list."""
    position = f"{entry['progress']:g}" + (f" of {entry['total']:g}" if "total" in entry else "")
    return f"- {entry['seconds']:.1f} s: {entry.get('message', '(no message)')} (progress {position})"


def client_lines(entry):
    server = entry["server"] or {}
    return [f"Client: `{entry['package']}`, protocol {entry['protocolVersion']}; "
            f"server: {server.get('name')} {server.get('version')}. In the job's directory:", ""]


def file_lines(entry):
    language = LANGUAGES.get(os.path.splitext(entry["name"])[1], "")
    return [f"`{entry['name']}`:", "", *fenced(entry["content"], language)]


def call_lines(entry, number):
    lines = [f"### {number}. {TITLES.get(entry['step'], entry['step'])}", "", f"`{entry['tool']}`", ""]
    lines += as_json(entry["arguments"])
    if entry["progress"]:
        lines += ["Progress meanwhile:", "", *map(notice, entry["progress"]), ""]
    failed = ", marked as an error" if entry.get("isError") else ""
    lines += [f"The answer, after {entry['seconds']:.1f} s{failed}:", ""]
    if "structuredContent" in entry:
        return lines + as_json(entry["structuredContent"])
    return lines + fenced("\n".join(part.get("text", "") for part in entry.get("content", [])), "text")


def markdown(records):
    of = lambda kind: [entry for entry in records if entry["kind"] == kind]
    lines = []
    for entry in of("client"):
        lines += client_lines(entry)
    for entry in of("file"):
        lines += file_lines(entry)
    for number, entry in enumerate(of("call"), 1):
        lines += call_lines(entry, number)
    for entry in of("error"):
        lines += [f"**It broke off:** {entry['message']}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def replace_between_marks(document, text, name):
    """The document with `text` between its two marks, each of which has a line of its own, once."""
    lines = document.split("\n")
    places = [[i for i, line in enumerate(lines) if line.strip() == mark] for mark in (BEGIN, END)]
    if [len(place) for place in places] != [1, 1] or places[0][0] > places[1][0]:
        raise ValueError(f"{name} needs one line {BEGIN} and after it one line {END}")
    begin, end = places[0][0], places[1][0]
    return "\n".join([*lines[:begin + 1], "", text.rstrip("\n"), "", *lines[end:]])


def write_into(path, text):
    with open(path, encoding="utf-8") as file:
        document = file.read()
    document = replace_between_marks(document, text, path)
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(document)
    os.replace(beside, path)


def main():
    parser = argparse.ArgumentParser(description="Makes readable Markdown of what loop.mjs has recorded.")
    parser.add_argument("record")
    parser.add_argument("--into", metavar="FILE", help="write it between the two marks in FILE")
    given = parser.parse_args()
    text = markdown(read(given.record))
    if not given.into:
        sys.stdout.write(text)
        return
    try:
        write_into(given.into, text)
    except (OSError, ValueError) as problem:
        sys.exit(f"transcript.py: {problem}")


if __name__ == "__main__":
    main()
