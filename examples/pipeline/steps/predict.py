#!/usr/bin/env python3
"""Step 3: what each customer will spend, by the model."""

import argparse
import csv
import json
import os


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data")
    parser.add_argument("--model", default="model/model.json")
    parser.add_argument("--out", default="predictions/predictions.csv")
    options = parser.parse_args()
    with open(options.model) as file:
        model = json.load(file)
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(os.path.join(options.data, "customers.csv"), newline="") as source, \
            open(options.out + ".part", "w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["customer_id", "expected"])
        for row in csv.DictReader(source):
            expected = model["offset"] + model["slope"] * (float(row["age"]) - 54) / 36
            writer.writerow([row["customer_id"], f"{expected:.2f}"])
        target.flush()
        os.fsync(target.fileno())
    os.replace(options.out + ".part", options.out)


if __name__ == "__main__":
    main()
