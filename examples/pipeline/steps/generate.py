#!/usr/bin/env python3
"""Step 1: customers and what they have bought, as CSV. The same seed makes the same data.

--defect plants one of the faults that the contracts are there to find.
"""

import argparse
import csv
import os
import random

DEFECTS = ("column_renamed", "rows_lost", "keys_shifted", "amounts_missing")


def customers(count, rng):
    return [{"customer_id": number, "age": rng.randrange(18, 90), "city": rng.choice(["Ulm", "Kiel", "Jena"])}
            for number in range(1, count + 1)]


def orders(people, rng):
    out = []
    for person in people:
        for _ in range(4):
            amount = round(20 + person["age"] * 0.8 + rng.gauss(0, 6), 2)
            out.append({"order_id": len(out) + 1, "customer_id": person["customer_id"], "amount": amount})
    return out


def spoil(defect, people, bought):
    if defect == "column_renamed":
        people = [{("years" if key == "age" else key): value for key, value in row.items()} for row in people]
    if defect == "rows_lost":
        bought = bought[: len(bought) // 2] + bought[len(bought) // 2 + 200:]
    if defect == "keys_shifted":
        bought = [{**row, "customer_id": row["customer_id"] + 3} for row in bought]
    if defect == "amounts_missing":
        bought = [{**row, "amount": "" if row["order_id"] % 10 == 0 else row["amount"]} for row in bought]
    return people, bought


def write(path, rows):
    with open(path + ".part", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="data")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--defect", choices=DEFECTS)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    people = customers(options.customers, rng)
    people, bought = spoil(options.defect, people, orders(people, rng))
    os.makedirs(options.out, exist_ok=True)
    write(os.path.join(options.out, "customers.csv"), people)
    write(os.path.join(options.out, "orders.csv"), bought)


if __name__ == "__main__":
    main()
