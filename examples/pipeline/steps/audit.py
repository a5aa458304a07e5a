#!/usr/bin/env python3
"""The audit between training and prediction: is the model a sane one? `jobward stamp make` signs that it was asked."""

import argparse
import json
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="model/model.json")
    options = parser.parse_args()
    with open(options.model) as file:
        model = json.load(file)
    if not 10 < model["slope"] < 60 or not 20 < model["offset"] < 120:
        sys.exit(f"audit: slope {model['slope']:.2f}, offset {model['offset']:.2f}: out of all reason")
    print(f"slope {model['slope']:.2f}, offset {model['offset']:.2f}: sane")


if __name__ == "__main__":
    main()
