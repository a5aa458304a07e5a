#!/usr/bin/env python3
"""Step 2: how much a customer spends, by age: a line through the means, found step by step.

Saves a checkpoint now and then and goes on from it after an interruption; contracts/training.toml has these three
functions looked at: one that only says so would cost a night some day.
"""

import argparse
import collections
import csv
import json
import os


def atomic_write(path, text):
    with open(path + ".part", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def checkpoint(path, state):
    atomic_write(path, json.dumps(state))


def resume(path):
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"step": 0, "slope": 0.0, "offset": 0.0}


def read_points(directory):
    spent = collections.defaultdict(list)
    with open(os.path.join(directory, "orders.csv"), newline="") as file:
        for row in csv.DictReader(file):
            spent[row["customer_id"]].append(float(row["amount"]))
    with open(os.path.join(directory, "customers.csv"), newline="") as file:
        return [((float(row["age"]) - 54) / 36, sum(spent[row["customer_id"]]) / len(spent[row["customer_id"]]))
                for row in csv.DictReader(file)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data")
    parser.add_argument("--model", default="model/model.json")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.model), exist_ok=True)
    points = read_points(options.data)
    state = resume(options.model + ".checkpoint")
    while state["step"] < options.steps:
        errors = [(x, state["offset"] + state["slope"] * x - y) for x, y in points]
        state["offset"] -= 0.5 * sum(error for _, error in errors) / len(points)
        state["slope"] -= 0.5 * sum(x * error for x, error in errors) / len(points)
        state["step"] += 1
        if state["step"] % 50 == 0:
            checkpoint(options.model + ".checkpoint", state)
    atomic_write(options.model, json.dumps({"slope": state["slope"], "offset": state["offset"]}))
    os.remove(options.model + ".checkpoint")


if __name__ == "__main__":
    main()
