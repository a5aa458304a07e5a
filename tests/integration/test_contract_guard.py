"""Contracts under guard: what an agent would try to make a failing check pass, and how an operator allows it."""

import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_trust
import verify_case

CONTRACT = """id = "orders"

[datasets.orders]
path = "orders.csv"

[checks.amounts]
type = "null_rate_ceiling"
severity = "HARD_FAIL"
dataset = "orders"
columns = ["amount"]
ceiling = "10%"
counts = ["NULL"]

[checks.rows]
type = "row_count_parity"
severity = "HARD_FAIL"
dataset = "orders"
equal = 10
tolerance = 1
"""


class Contracts(test_trust.Trust):
    def setUp(self):
        super().setUp()
        self.env["JOBWARD_DUCKDB"] = verify_case.LIBRARY
        self.write("contract.toml", CONTRACT)
        self.orders(10)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)

    def orders(self, rows, missing=0, name="orders.csv"):
        self.write(name, "id,amount\n" + "".join(f"{i},{'' if i < missing else i}\n" for i in range(rows)))

    def edit(self, *changes, source="contract.toml", name="contract.toml"):
        with open(self.path(source)) as file:
            text = file.read()
        for before, after in changes:
            self.assertIn(before, text)
            text = text.replace(before, after)
        self.write(name, text)

    def verify(self, status, name="contract.toml", **options):
        """Its JSON."""
        run = self.jobward("verify", "--json", name, **options)
        self.assertEqual(run.returncode, status, run)
        out = harness.strict_json(run.stdout)
        self.assertEqual(out["exit_code"], status)
        return out

    def refusal(self, *words, **options):
        """The finding by which the guard has refused it; no data were looked at."""
        out = self.verify(1, **options)
        self.assertEqual((out["reports"], len(out["refused"])), ([], 1))
        finding, = out["findings"]
        self.assertEqual((finding["source"], finding["check"], finding["severity_effective"], finding["passed"]),
                         ("guard", "threshold_downgrade", "HARD_FAIL", False))
        for word in ("jobward approve ", *words):
            self.assertIn(word, finding["message"])
        return finding["message"]

    def decisions(self, message):
        """(lets it pass once or "", becomes the baseline)"""
        ids = [part.split("`")[0] for part in message.split("jobward approve ")[1:]]
        return (ids[0], ids[1]) if len(ids) == 2 else ("", ids[0])


class Downgrade(Contracts):
    def setUp(self):
        super().setUp()
        self.verify(0)

    def test_a_severity_lowered(self):
        self.edit(('severity = "HARD_FAIL"\ndataset = "orders"\ncolumns', 'severity = "WARN"\ndataset = "orders"\ncolumns'))
        self.refusal("amounts", "HARD_FAIL", "WARN")

    def test_a_ceiling_raised(self):
        self.edit(('"10%"', '"30%"'))
        message = self.refusal("amounts", "ceiling", "0.1", "0.3")
        self.assertIn("orders", message)

    def test_a_tolerance_raised(self):
        self.edit(("tolerance = 1\n", "tolerance = 5\n"))
        self.refusal("rows", "tolerance")

    def test_a_check_removed(self):
        self.edit((CONTRACT[CONTRACT.index("[checks.rows]"):], ""))
        self.refusal("rows")

    def test_its_dataset_pointed_elsewhere(self):
        self.orders(10, name="other.csv")
        self.edit(('"orders.csv"', '"other.csv"'))
        self.refusal("dataset")

    def test_the_id_changed(self):
        self.edit(('id = "orders"', 'id = "orders-2"'), ('"10%"', '"30%"'))
        self.refusal("orders", "ceiling")

    def test_the_contract_copied(self):
        self.edit(('id = "orders"', 'id = "mine"'), ('"10%"', '"30%"'), name="elsewhere/mine.toml")
        self.edit(('"orders.csv"', '"../orders.csv"'), source="elsewhere/mine.toml", name="elsewhere/mine.toml")
        self.refusal("orders", "ceiling", name="elsewhere/mine.toml")

    def test_the_contract_copied_into_another_project(self):
        self.edit(('"10%"', '"30%"'), ('"orders.csv"', f'"{self.path("orders.csv")}"'), name="away/contract.toml")
        os.mkdir(self.path("away/.git"))
        self.refusal("ceiling", name="away/contract.toml")

    def test_from_another_working_directory(self):
        self.edit(('"10%"', '"30%"'))
        self.refusal("ceiling", name=self.path("contract.toml"), cwd="/")

    def test_reached_by_a_link(self):
        os.symlink(self.path("."), self.path("../link"))
        self.addCleanup(os.unlink, self.path("../link"))
        self.edit(('"10%"', '"30%"'))
        self.refusal("ceiling", name=self.path("../link/contract.toml"), cwd="/")

    def test_a_copy_that_reads_the_data_by_a_link_and_another_pattern(self):
        os.mkdir(self.path("away"))
        os.mkdir(self.path("away/.git"))
        os.symlink(self.path("orders.csv"), self.path("away/data.csv"))
        self.edit(('id = "orders"', 'id = "mine"'), ('"10%"', '"30%"'), ('"orders.csv"', '"da?a.csv"'),
                  ("[checks.amounts]", "[checks.money]"), name="away/mine.toml")
        self.refusal("orders", name="away/mine.toml")

    def test_a_copy_padded_with_other_checks(self):
        padding = "".join(f'[checks.pad{i}]\ntype = "row_count_parity"\nseverity = "INFO"\ndataset = "orders"\nmin = {i}\n'
                          for i in range(5))
        self.edit(('id = "orders"', 'id = "mine"'), ('"10%"', '"30%"'), name="mine.toml")
        with open(self.path("mine.toml"), "a") as file:
            file.write(padding)
        self.refusal("orders", "ceiling", name="mine.toml")

    def test_demanding_more_of_the_columns_passes(self):
        schema = '[checks.schema]\ntype = "schema_match"\nseverity = "HARD_FAIL"\ndataset = "orders"\nextra = "allow"\ncolumns = {}\n'
        self.write("schema.toml", CONTRACT.replace('"orders"\n\n', '"schema"\n\n', 1) + schema.format('{ id = "number" }'))
        self.verify(0, name="schema.toml")
        before = schema.format('{ id = "number" }')
        for columns in ('{ id = "integer" }', '{ id = "BIGINT" }', '{ id = "BIGINT", amount = "integer" }'):
            self.edit((before, schema.format(columns)), source="schema.toml", name="schema.toml")
            self.verify(0, name="schema.toml")
            before = schema.format(columns)
        self.edit((before, schema.format('{ id = "number", amount = "integer" }')), source="schema.toml", name="schema.toml")
        self.refusal("BIGINT", name="schema.toml")

    def test_an_approval_is_not_used_up_by_a_check_that_could_not_begin(self):
        self.policy("")
        self.key("anna")
        self.edit(('"10%"', '"30%"'))
        once, _ = self.decisions(self.refusal())
        self.assertEqual(self.approve(once, "anna").returncode, 0)
        self.assertEqual(self.jobward("verify", "contract.toml", env={**self.env, "JOBWARD_DUCKDB": "/nowhere"}).returncode, 2)
        self.verify(0)

    def test_its_own_name_and_place_do_not_matter(self):
        shutil.move(self.path("contract.toml"), self.path("renamed.toml"))
        self.verify(0, name="renamed.toml")
        self.edit(('"10%"', '"30%"'), source="renamed.toml", name="renamed.toml")
        self.refusal("ceiling", name="renamed.toml")

    def test_tightening_passes_and_becomes_the_baseline(self):
        self.edit(('"10%"', '"5%"'))
        self.verify(0)
        self.edit(('"5%"', '"10%"'))
        self.refusal("ceiling")

    def test_what_failed_did_not_become_the_baseline(self):
        self.edit(('"10%"', '"5%"'))
        self.orders(10, missing=1)
        self.verify(1)
        self.edit(('"5%"', '"10%"'))
        self.assertEqual(self.verify(0)["verdict"], "ok")

    def test_an_approval_lets_it_pass_once(self):
        self.policy("")
        self.key("anna")
        self.orders(10, missing=2)
        self.edit(('"10%"', '"30%"'))
        once, _ = self.decisions(self.refusal())
        self.assertEqual(self.approve(once, "anna").returncode, 0)
        out = self.verify(0)
        self.assertEqual([(one["check"], one["severity_effective"], one["passed"]) for one in out["findings"]],
                         [("threshold_downgrade", "WARN", True), ("amounts", "HARD_FAIL", True),
                          ("rows", "HARD_FAIL", True)])
        self.refusal("ceiling")
        self.assertEqual(len(self.entries("--kind", "override")), 1)

    def test_an_approval_makes_it_the_baseline(self):
        self.policy("")
        self.key("anna")
        self.edit(('"10%"', '"30%"'))
        _, lasting = self.decisions(self.refusal())
        self.assertEqual(self.approve(lasting, "anna").returncode, 0)
        self.orders(10, missing=2)
        self.verify(0)
        self.verify(0)
        self.edit(('"30%"', '"40%"'))
        self.refusal("ceiling")

    def test_the_refusal_for_people_says_what_and_how(self):
        self.edit(('"10%"', '"30%"'))
        run = self.jobward("verify", "contract.toml")
        self.assertEqual(run.returncode, 1)
        for word in (b"HARD_FAIL", b"threshold_downgrade", b"ceiling", b"jobward approve ", b"no data were looked at"):
            self.assertIn(word, run.stdout)


class Required(Contracts):
    def setUp(self):
        super().setUp()
        self.policy("[baselines]\nrequire = true\n")
        self.key("anna")

    def test_without_a_signed_baseline_nothing_passes(self):
        once, lasting = self.decisions(self.refusal("no baseline"))
        self.assertEqual(once, "")
        self.assertEqual(self.approve(lasting, "anna").returncode, 0)
        self.verify(0)

    def test_the_store_deleted(self):
        _, lasting = self.decisions(self.refusal("no baseline"))
        self.assertEqual(self.approve(lasting, "anna").returncode, 0)
        self.verify(0)
        for name in os.listdir(self.state):
            path = os.path.join(self.state, name)
            if os.path.isfile(path) and "key" not in name:
                os.remove(path)
        self.refusal("no baseline")

    def test_a_baseline_that_nobody_signed_does_not_count(self):
        self.policy("")
        self.verify(0)
        self.policy("[baselines]\nrequire = true\n")
        self.refusal("not signed")


class Ledger(Contracts):
    def test_every_result_is_on_record_without_rows_of_the_data(self):
        self.orders(10, missing=5)
        self.verify(1)
        entries = self.entries("--kind", "finding")
        self.assertEqual([(one["check"], one["passed"], one["severity"], one["subject"]) for one in entries],
                         [("amounts", False, "HARD_FAIL", "contract:orders"), ("rows", True, "HARD_FAIL", "contract:orders")])
        self.assertNotIn("samples", str(entries))
        self.assertEqual(self.jobward("ledger", "verify").returncode, 0)
        self.assertEqual([one["check"] for one in self.entries("--check", "amounts")], ["amounts"])

    def test_a_store_that_cannot_be_written_is_no_success(self):
        broken = {**self.env, "JOBWARD_STATE_DIR": "/proc/nowhere"}
        run = self.jobward("verify", "contract.toml", env=broken)
        self.assertEqual(run.returncode, 2, run)


class Runs(Contracts):
    def test_a_product_that_fails_is_the_run_s_failure(self):
        run = self.run_job(["cp", "orders.csv", "copy.csv"], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_ok(run)
        self.assertEqual([(one["source"], one["check"], one["passed"]) for one in run.result["findings"]],
                         [("verify", "amounts", True), ("verify", "rows", True)])
        bad = "printf 'id,amount\\n1,\\n' > orders.csv"
        run = self.run_job(["sh", "-c", bad], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "verify_failed", 1)
        self.assertIn("amounts", run.result["cause"])
        self.assertEqual([one["check"] for one in self.entries("--run", run.result["run"], "--kind", "finding")],
                         ["amounts", "rows"])

    def test_a_program_that_is_replaced_while_the_job_runs_checks_all_the_same(self):
        own = self.path("jobward")
        shutil.copy2(self.binary, own)
        self.binary = own
        run = self.run_job(["rm", own], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_ok(run)
        self.assertEqual(len(run.result["findings"]), 2)

    def test_a_job_that_fails_is_not_checked(self):
        run = self.run_job(["false"], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "failed", 1)
        self.assertEqual(run.result["findings"], [])

    def test_what_is_required_is_checked_before_it(self):
        self.orders(10, missing=5)
        run = self.run_job(["touch", "started"], ["--mem", "64M", "--require", "contract.toml"])
        self.assert_outcome(run, "refused", 77)
        self.assertIn("amounts", run.result["cause"])
        self.assertFalse(os.path.exists(self.path("started")))
        self.orders(10)
        run = self.run_job(["touch", "started"], ["--mem", "64M", "--require", "contract.toml"])
        self.assert_ok(run)
        self.assertEqual(len(run.result["findings"]), 2)

    def test_a_contract_that_demands_less_is_refused_before_the_job(self):
        self.verify(0)
        self.edit(('"10%"', '"30%"'))
        for option in ("--verify", "--require"):
            run = self.run_job(["touch", "started"], ["--mem", "64M", option, "contract.toml"])
            self.assert_outcome(run, "refused", 77)
            self.assertIn("jobward approve ", run.result["cause"])
        self.assertFalse(os.path.exists(self.path("started")))

    def test_an_approval_is_used_by_the_check_and_not_before_it(self):
        self.policy("")
        self.key("anna")
        self.verify(0)
        self.edit(('"10%"', '"30%"'))
        self.orders(10, missing=2)
        once, _ = self.decisions(self.refusal())
        self.assertEqual(self.approve(once, "anna").returncode, 0)
        self.assert_ok(self.run_job(["true"], ["--mem", "64M", "--verify", "contract.toml"]))
        self.assert_outcome(self.run_job(["true"], ["--mem", "64M", "--verify", "contract.toml"]), "refused", 77)

    def test_a_job_that_changes_the_contract_fails(self):
        change = "sed -i s/10%/30%/ contract.toml"
        run = self.run_job(["sh", "-c", change], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "verify_failed", 1)
        self.assertIn("not the expected", run.result["cause"])

    def test_data_that_cannot_be_read_are_a_failure(self):
        run = self.run_job(["rm", "orders.csv"], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "verify_failed", 1)
        self.assertIn("orders.csv", run.result["cause"])

    def test_a_contract_that_cannot_be_read_starts_nothing(self):
        self.edit(('severity = "HARD_FAIL"', 'severity = "FATAL"'))
        run = self.run_job(["touch", "started"], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "launch_failed", 125)
        self.assertIn("contract.toml:8", run.result["cause"])
        self.assertFalse(os.path.exists(self.path("started")))

    def test_without_the_engine_nothing_starts_or_passes(self):
        self.env["JOBWARD_DUCKDB"] = "/no/such/library"
        for option in ("--require", "--verify"):
            run = self.run_job(["touch", "started"], ["--mem", "64M", option, "contract.toml"])
            self.assert_outcome(run, "launch_failed", 125)
            self.assertIn("fetch-duckdb", run.result["cause"])
        self.assertFalse(os.path.exists(self.path("started")))

    def test_a_dry_run_tells_and_checks_nothing(self):
        self.orders(10, missing=5)
        run = self.jobward("run", "--dry-run", "--mem", "64M", "--require", "contract.toml", "--", "true")
        self.assertEqual(run.returncode, 0, run)
        self.assertIn(b"is checked before it starts", run.stdout)
        self.assertEqual(self.entries("--kind", "finding"), [])

    def test_another_contract_of_the_same_id_does_not_stand_for_it(self):
        self.policy("[guard]\nchecks = true\n")
        self.assert_ok(self.run_job(["true"], ["--mem", "64M", "--verify", "contract.toml"]))
        os.makedirs(self.path("away/.git"))
        self.write("away/orders.csv", "id,amount\n1,\n")
        self.edit(('"10%"', '"100%"'), ("equal = 10", "min = 0"), ("tolerance = 1", ""), name="away/contract.toml")
        run = self.run_job(["true"], ["--mem", "64M", "--verify", "away/contract.toml"])
        self.assert_outcome(run, "refused", 77)
        self.assertIn("orders was left out", run.result["cause"])

    def test_what_could_not_be_checked_is_on_record(self):
        run = self.run_job(["sh", "-c", "sed -i s/10%/30%/ contract.toml"], ["--mem", "64M", "--verify", "contract.toml"])
        self.assert_outcome(run, "verify_failed", 1)
        entry, = self.entries("--run", run.result["run"], "--severity", "HARD_FAIL")
        self.assertEqual((entry["check"], entry["primitive"]), ("orders", "contract"))

    def test_what_is_required_is_checked_again_after_waiting(self):
        self.policy('[aggregate]\nmemory = "200M"\n')
        self.verify(0)
        first = self.start_run(["--mem", "150M"], self.waiting_job())
        harness.wait_until(lambda: os.path.exists(self.path("pid")), "the first run")
        second = self.start_run(["--mem", "150M", "--name", "second", "--require", "contract.toml"], ["touch", "started"])
        harness.wait_until(lambda: any(one.get("name") == "second" and one["state"] == "queued"
                                       for one in self.json_of("ps", "--json")["runs"]), "the second to wait")
        self.orders(10, missing=5)
        self.touch("finish")
        self.assert_ok(self.finish(first))
        run = self.finish(second)
        self.assert_outcome(run, "refused", 77)
        self.assertIn("amounts", run.result["cause"])
        self.assertFalse(os.path.exists(self.path("started")))

    def test_a_dropped_check_is_refused_where_the_policy_says_so(self):
        self.policy("[guard]\nchecks = true\n")
        self.assert_ok(self.run_job(["true"], ["--mem", "64M", "--verify", "contract.toml"]))
        run = self.run_job(["true"], ["--mem", "64M"])
        self.assert_outcome(run, "refused", 77)
        self.assertIn("--verify", run.result["cause"])


if __name__ == "__main__":
    harness.main()
