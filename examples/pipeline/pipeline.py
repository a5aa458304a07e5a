"""The pipeline: each step a run of Jobward; the first that does not end well ends it."""

import json
import os
import subprocess
import sys

BINARY = os.environ.get("JOBWARD_BINARY", "jobward")


class Halted(Exception):
    """A step did not end well."""

    def __init__(self, step, result):
        super().__init__(f"{step}: {result['outcome']} ({result['exit_code']}): {result['cause']}")
        self.step = step
        self.outcome = result["outcome"]
        self.status = result["exit_code"]
        self.cause = result["cause"]


def jobward(*arguments, **options):
    return subprocess.run([BINARY, *arguments], text=True, capture_output=True, **options)


def step(name, *command, options=(), limits=("--mem", "256M", "--time", "2m")):
    """Runs one step under its limits; tells how it ended."""
    file = os.path.join("results", f"{name}.json")
    os.makedirs("results", exist_ok=True)
    done = jobward("run", "--quiet", "--result", file, "--name", name, *limits, *options, "--", *command)
    with open(file) as text:
        result = json.load(text)
    if done.returncode != 0:
        raise Halted(name, result)
    return result


def generate(*extra):
    return step("generate", sys.executable, "steps/generate.py", *extra,
                options=("--verify", "contracts/generated.toml"))


TRAINING = ("--require", "contracts/generated.toml", "--require", "contracts/training.toml")


def train(*extra, options=TRAINING, **more):
    return step("train", sys.executable, "steps/train.py", *extra, options=options, **more)


AUDIT = (sys.executable, "steps/audit.py")


def audit():
    """Its exit status; also a failed audit is stamped."""
    return jobward("stamp", "make", "model-audit", "--inputs", "model/model.json", "--", *AUDIT).returncode


def predict():
    return step("predict", sys.executable, "steps/predict.py",
                options=("--require-stamp", "model-audit", "--verify", "contracts/predictions.toml"))
