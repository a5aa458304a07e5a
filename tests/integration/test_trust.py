"""The ledger, keys, approvals, reviews and the guard of runs, driven as operators and agents would.

The policy is the project's, in the test's own directory: nothing outside of it is read or written.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import test_watchdog_cli as journal

PASSPHRASE = b"correct horse battery\n"


class Trust(harness.JobwardTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path(".jobward"))

    def policy(self, text):
        """Puts the text before the keys that are trusted already."""
        path = self.path(".jobward/policy.toml")
        keys = open(path).read() if os.path.exists(path) else ""
        with open(path, "w") as file:
            file.write(text + keys[keys.find("\n[[keys]]"):] if "[[keys]]" in keys else text)

    def with_passphrase(self, *arguments, passphrase=PASSPHRASE):
        reader, writer = os.pipe()
        os.write(writer, passphrase)
        os.close(writer)
        try:
            return self.jobward(*arguments, env={**self.env, "JOBWARD_PASSPHRASE_FD": str(reader)},
                                pass_fds=(reader,), timeout=60)
        finally:
            os.close(reader)

    def key(self, name, role="operator"):
        made = self.with_passphrase("keys", "new", "--role", role, "--name", name)
        self.assertEqual(made.returncode, 0, made)
        trusted = self.jobward("keys", "trust", name)
        self.assertEqual(trusted.returncode, 0, trusted)

    def agent_key(self, name):
        self.assertEqual(self.jobward("keys", "new", "--agent", "reviewer", "--name", name).returncode, 0)
        self.assertEqual(self.jobward("keys", "trust", name).returncode, 0)

    def approve(self, decision, key):
        return self.with_passphrase("approve", decision, "--key", key)

    def entries(self, *options):
        return self.json_of("ledger", "--json", "-n", "1000", *options)["entries"]

    def decision_in(self, run):
        text = run.result["cause"] if run.result else run.messages
        self.assertIn("jobward approve ", text)
        return text.split("jobward approve ")[1].split("`")[0]

    def tamper(self, *statements):
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as db:
            for statement in ("DROP TRIGGER IF EXISTS ledger_keeps",
                              "DROP TRIGGER IF EXISTS ledger_forgets_nothing", *statements):
                db.execute(statement)
            db.commit()


class Guard(Trust):
    def test_no_limit_needs_an_approval_of_this_very_command_and_passes_once(self):
        self.policy("[guard]\nno_limit = true\n")
        self.key("anna")
        refused = self.run_job(["true"], ["--no-limit"])
        self.assert_outcome(refused, "refused", 77)
        self.assertIn("--no-limit", refused.result["cause"])
        decision = self.decision_in(refused)
        again = self.run_job(["true"], ["--no-limit"])
        self.assertEqual(self.decision_in(again), decision)
        approved = self.approve(decision, "anna")
        self.assertEqual(approved.returncode, 0, approved)
        self.assert_outcome(self.run_job(["false"], ["--no-limit"]), "refused", 77)  # another command
        self.assert_ok(self.run_job(["true"], ["--no-limit"]))
        self.assert_outcome(self.run_job(["true"], ["--no-limit"]), "refused", 77)
        overrides = self.entries("--kind", "override")
        self.assertEqual(len(overrides), 1)
        self.assertEqual(overrides[0]["subject"], decision)
        self.assertGreaterEqual(len(self.entries("--severity", "HARD_FAIL")), 4)
        self.assertEqual(self.jobward("ledger", "verify").returncode, 0)

    def test_a_limit_above_the_cap_passes_once_approved(self):
        self.policy("[caps]\nmem = \"256M\"\n")
        self.key("anna")
        refused = self.run_job(["true"], ["--mem", "1G"])
        self.assert_outcome(refused, "refused", 77)
        self.assertIn("cap", refused.result["cause"])
        self.assert_outcome(self.run_job(["true"], ["--mem", "2G"]), "refused", 77)
        self.assertEqual(self.approve(self.decision_in(refused), "anna").returncode, 0)
        self.assert_outcome(self.run_job(["true"], ["--mem", "2G"]), "refused", 77)
        allowed = self.run_job(["true"], ["--mem", "1G"])
        self.assert_ok(allowed)
        self.assertEqual(allowed.result["limits"]["memory_bytes"], 1 << 30)
        self.assert_ok(self.run_job(["true"], ["--mem", "128M"]))

    def test_a_flag_of_the_job_is_guarded_against_the_recorded_command(self):
        self.policy("[guard]\nflags = [\"--no-*\", \"--max-rows=\"]\nno_time = true\n")
        self.key("anna")
        with open(self.path("train.sh"), "w") as file:
            file.write("exit 0\n")
        train = ["sh", "train.sh", "--epochs", "3"]
        self.assert_ok(self.run_job(train, ["--time", "1m"]))
        self.assert_ok(self.run_job(["sh", "train.sh", "--epochs", "9"], ["--time", "1m"]))
        for trick in (["--no-checks"], ["--max-rows", "10"], ["--no-checks", "--other"]):
            refused = self.run_job(train + trick, ["--time", "1m"])
            self.assert_outcome(refused, "refused", 77)
            self.assertIn("is guarded", refused.result["cause"])
        self.assertIn("--time was left out", self.run_job(train, []).result["cause"])
        self.assertIn("--no-time", self.run_job(train, ["--no-time"]).result["cause"])
        decision = self.decision_in(self.run_job(train + ["--no-checks"], ["--time", "1m"]))
        self.assertEqual(self.approve(decision, "anna").returncode, 0)
        with open(self.path("train.sh"), "a") as file:
            file.write("exit 0 # other\n")  # the script is part of the action
        self.assert_outcome(self.run_job(train + ["--no-checks"], ["--time", "1m"]), "refused", 77)

    def test_by_a_link_and_from_elsewhere_it_is_the_same_command(self):
        self.policy("[guard]\nno_time = true\n")
        with open(self.path("train.sh"), "w") as file:
            file.write("exit 0\n")
        self.assert_ok(self.run_job(["sh", "train.sh"], ["--mem", "64M", "--time", "1m"]))
        os.symlink(self.path("."), self.path("../link"))
        self.addCleanup(os.unlink, self.path("../link"))
        link = self.path("../link")
        for command, options in ((["sh", "train.sh"], {"cwd": link, "env": {**self.env, "PWD": link}}),
                                 (["sh", link + "/train.sh"], {})):
            run = self.run_job(command, ["--mem", "64M"], **options)
            self.assert_outcome(run, "refused", 77)
            self.assertIn("--time was left out", run.result["cause"])

    def test_a_link_into_the_project_does_not_lead_out_of_its_policy(self):
        self.policy("[guard]\nno_limit = true\n")
        os.makedirs(self.path(".git"))
        os.mkdir(self.path("sub"))
        os.symlink(self.path("sub"), self.path("../link"))
        self.addCleanup(os.unlink, self.path("../link"))
        link = self.path("../link")
        run = self.run_job(["true"], ["--no-limit"], cwd=link, env={**self.env, "PWD": os.path.normpath(link)})
        self.assert_outcome(run, "refused", 77)

    def test_an_approval_is_kept_where_nothing_was_started(self):
        self.policy("[guard]\nno_limit = true\n")
        self.key("anna")
        decision = self.decision_in(self.run_job(["true"], ["--no-limit"]))
        self.assertEqual(self.approve(decision, "anna").returncode, 0)
        other = self.jobward("review", "request", "--describe", "something").stdout.decode().strip()
        options = ["--no-limit", "--require-review", other]
        self.assert_outcome(self.run_job(["true"], options), "refused", 77)
        self.assertEqual(self.jobward("run", "--dry-run", "--no-limit", "--", "true").returncode, 0)
        self.assert_ok(self.run_job(["true"], ["--no-limit"]))

    def test_a_block_is_not_to_be_approved(self):
        self.policy("[guard]\nno_limit = true\n[blocks]\nno_limit = true\n")
        run = self.run_job(["true"], ["--no-limit"])
        self.assert_outcome(run, "refused", 77)
        self.assertNotIn("jobward approve", run.result["cause"])
        self.assertEqual(self.json_of("review", "list", "--json")["decisions"], [])

    def test_the_record_of_a_run_tells_its_policy(self):
        self.policy("[guard]\nno_time = true\n")
        under = self.run_job(["true"]).result["policy"]
        self.assertRegex(under, r"/\.jobward/policy\.toml sha256:[0-9a-f]{64}$")
        os.rename(self.path(".jobward/policy.toml"), self.path("away"))
        self.assertNotIn("policy", self.run_job(["true"]).result)
        shown = [self.json_of("show", "--json", run["run"]).get("policy") for run in self.history()]
        self.assertEqual(shown, [None, under])

    def test_a_dry_run_asks_for_nothing(self):
        self.policy("[guard]\nno_limit = true\n")
        self.assertEqual(self.jobward("run", "--dry-run", "--no-limit", "--", "true").returncode, 77)
        self.assertEqual(self.json_of("review", "list", "--json")["decisions"], [])


class Keys(Trust):
    def test_a_wrong_passphrase_an_untrusted_and_a_revoked_key_approve_nothing(self):
        self.policy("[guard]\nno_limit = true\n")
        self.key("anna")
        decision = self.decision_in(self.run_job(["true"], ["--no-limit"]))
        wrong = self.with_passphrase("approve", decision, passphrase=b"guess\n")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("passphrase is wrong", wrong.messages)
        self.with_passphrase("keys", "new", "--role", "operator", "--name", "stranger")
        stranger = self.approve(decision, "stranger")
        self.assertEqual(stranger.returncode, 1)
        self.assertIn("does not trust it", stranger.messages)
        self.assertEqual(self.jobward("keys", "revoke", "anna", "--reason", "lost").returncode, 0)
        self.assertIn("revoked", self.approve(decision, "anna").messages)
        changes = self.entries("--kind", "policy_change")
        self.assertGreaterEqual(len(changes), 3)

    def test_an_ssh_agent_signs_and_so_does_ssh_keygen_elsewhere(self):
        self.policy("[guard]\nno_limit = true\n")
        key = self.path("id")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        public = open(key + ".pub").read()
        self.assertEqual(self.jobward("keys", "trust", public, "--name", "ben", "--role",
                                      "operator").returncode, 0)
        first = self.decision_in(self.run_job(["true"], ["--no-limit"]))
        bytes_to_sign = self.jobward("review", "show", first, "--to-sign").stdout
        with open(self.path("pae"), "wb") as file:
            file.write(bytes_to_sign)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "jobward", "-f", key, self.path("pae")],
                       check=True, capture_output=True)
        signed = self.jobward("approve", first, "--signature", self.path("pae.sig"))
        self.assertEqual(signed.returncode, 0, signed)
        self.assert_ok(self.run_job(["true"], ["--no-limit"]))
        replayed = self.jobward("approve", first, "--signature", self.path("pae.sig"))
        self.assertEqual(replayed.returncode, 1)
        second = self.decision_in(self.run_job(["true"], ["--no-limit"]))
        self.assertEqual(self.jobward("approve", second, "--signature", self.path("pae.sig")).returncode, 1)
        socket = self.path("agent")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL, env=self.env)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        harness.wait_until(lambda: os.path.exists(socket), "the agent's socket")
        env = {**self.env, "SSH_AUTH_SOCK": socket}
        subprocess.run(["ssh-add", "-q", key], check=True, env=env, capture_output=True)
        by_agent = self.jobward("approve", second, env=env)
        self.assertEqual(by_agent.returncode, 0, by_agent)
        self.assert_ok(self.run_job(["true"], ["--no-limit"]))
        agent.terminate()
        agent.wait()


class Reviews(Trust):
    def request(self, *options):
        run = self.jobward("review", "request", "--describe", "migrate the schema", *options)
        self.assertEqual(run.returncode, 0, run)
        return run.stdout.decode().strip()

    def check(self, decision, *options):
        return self.jobward("review", "check", decision, *options).returncode

    def test_two_must_sign_off_and_the_review_is_used_once(self):
        self.policy("[pools.dba]\nroles = [\"operator\", \"reviewer\"]\nthreshold = 2\n")
        self.key("anna")
        self.key("ben", "reviewer")
        with open(self.path("schema.sql"), "w") as file:
            file.write("ALTER TABLE x")
        decision = self.request("--pool", "dba", "--file", "schema.sql")
        self.assertEqual(self.check(decision), 75)
        self.assertEqual(self.check(decision, "--wait=1s"), 75)
        self.assert_outcome(self.run_job(["true"], ["--mem", "64M", "--require-review", decision]),
                            "refused", 77)
        self.assertEqual(self.approve(decision, "anna").returncode, 0)
        self.assertEqual(self.check(decision), 75)
        self.assertEqual(self.approve(decision, "ben").returncode, 0)
        self.assertEqual(self.check(decision), 0)
        self.assertIn(decision.encode(), self.jobward("review", "list", "--for", "dba").stdout)
        with open(self.path("schema.sql"), "a") as file:
            file.write("; DROP TABLE y")
        self.assertEqual(self.check(decision), 1)
        self.assert_outcome(self.run_job(["true"], ["--mem", "64M", "--require-review", decision]),
                            "refused", 77)
        with open(self.path("schema.sql"), "w") as file:
            file.write("ALTER TABLE x")
        self.assert_ok(self.run_job(["true"], ["--mem", "64M", "--require-review", decision]))
        self.assertEqual(self.check(decision), 1)

    def decide_by(self, decision, **changes):
        """Changes the row of a decision, as one could who owns the database."""
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as db:
            request, = db.execute("SELECT request FROM decisions WHERE id = ?", (decision,)).fetchone()
            db.execute("UPDATE decisions SET request = ? WHERE id = ?",
                       (json.dumps({**json.loads(request), **changes}), decision))
            db.commit()

    def test_whoever_edits_a_decision_gains_nothing(self):
        self.policy("[guard]\nno_limit = true\n[approve]\ncaps = \"dba\"\n"
                    "[pools.dba]\nroles = [\"operator\"]\nthreshold = 2\n")
        self.key("anna")
        self.key("ben", "reviewer")
        refused = self.decision_in(self.run_job(["true"], ["--no-limit"]))
        self.decide_by(refused, pools=["reviewer"])
        self.assertNotEqual(self.approve(refused, "ben").returncode, 0)
        self.assertEqual(self.approve(refused, "anna").returncode, 0)
        self.assert_outcome(self.run_job(["true"], ["--no-limit"]), "refused", 77)  # one of two
        review = self.request("--pool", "dba")
        self.decide_by(review, pools=["reviewer"])
        self.assertIn("other pools", self.approve(review, "ben").messages)
        shown = self.request("--pool", "reviewer")
        self.decide_by(shown, action="{}")
        self.assertIn("record was changed", self.approve(shown, "anna").messages)
        asked = self.request("--pool", "reviewer")
        self.decide_by(asked, requester="uid:12345")
        self.assertIn("another one has asked", self.approve(asked, "anna").messages)

    def test_from_another_project_it_is_not_signed_and_nothing_is_lost(self):
        self.policy("[pools.dba]\nroles = [\"operator\"]\nthreshold = 2\n")
        self.key("anna")
        self.key("ben")
        decision = self.request("--pool", "dba")
        self.assertEqual(self.approve(decision, "anna").returncode, 0)
        os.makedirs(self.path("other/.git"))
        shutil.copytree(self.path(".jobward"), self.path("other/.jobward"))
        for command in (("approve", decision, "--key", "ben"), ("review", "show", decision, "--to-sign")):
            run = self.jobward(*command, cwd=self.path("other"))
            self.assertEqual(run.returncode, 1, run)
            self.assertIn("is of the project " + os.path.realpath(self.work), run.messages)
        self.assertNotIn(decision.encode(), self.jobward("review", "list", cwd=self.path("other")).stdout)
        self.assertIn(decision.encode(), self.jobward("review", "list", "--everywhere", cwd=self.path("other")).stdout)
        self.assertEqual(self.approve(decision, "ben").returncode, 0)
        self.assertEqual(self.check(decision), 0)

    def test_it_can_be_of_one_command(self):
        self.policy("")
        self.key("anna")
        decision = self.request("--", "true")
        self.assertEqual(self.approve(decision, "anna").returncode, 0)
        options = ["--mem", "64M", "--require-review", decision]
        run = self.run_job(["false"], options)
        self.assert_outcome(run, "refused", 77)
        self.assertIn("another command", run.result["cause"])
        self.assertEqual([one["check"] for one in self.entries("--run", run.result["run"])], ["review"])
        self.assert_ok(self.run_job(["true"], options))

    def test_a_review_by_others_does_not_stand_for_it(self):
        self.policy("[guard]\nchecks = true\n[pools.dba]\nroles = [\"operator\"]\n[pools.easy]\nroles = [\"reviewer\"]\n")
        self.key("anna")
        self.key("ben", "reviewer")
        first = self.request("--pool", "dba")
        self.assertEqual(self.approve(first, "anna").returncode, 0)
        self.assert_ok(self.run_job(["true"], ["--mem", "64M", "--require-review", first]))
        easy = self.request("--pool", "easy")
        self.assertEqual(self.approve(easy, "ben").returncode, 0)
        for options in (["--mem", "64M", "--require-review", easy], ["--mem", "64M"]):
            run = self.run_job(["true"], options)
            self.assert_outcome(run, "refused", 77)
            self.assertIn("--require-review of dba", run.result["cause"])

    def test_a_key_that_nobody_trusts_proves_nothing_of_who_asks(self):
        self.policy("[pools.reviewer]\nroles = [\"reviewer\"]\nagents = true\n")
        self.agent_key("critic")
        self.assertEqual(self.jobward("keys", "new", "--agent", "reviewer", "--name", "junk").returncode, 0)
        run = self.jobward("review", "request", "--describe", "x", "--key", "junk")
        self.assertEqual(run.returncode, 1)
        self.assertIn("does not trust", run.messages)
        listed = self.json_of("keys", "list", "--json")
        line, = [key["public"] for key in listed["own"] if key["name"] == "junk"]
        self.assertEqual(self.jobward("keys", "trust", line, "--name", "boss", "--role", "operator").returncode, 0)
        boss, = [key for key in self.json_of("keys", "list", "--json")["trusted"] if key["name"] == "boss"]
        self.assertTrue(boss["agent"])

    def test_a_refusal_closes_it(self):
        self.policy("")
        self.key("anna")
        decision = self.request()
        refused = self.with_passphrase("approve", decision, "--refuse", "--reason", "not on a Friday")
        self.assertEqual(refused.returncode, 0, refused)
        self.assertEqual(self.check(decision), 1)
        self.assertIn(b"not on a Friday", self.jobward("review", "show", decision).stdout)

    def test_an_agent_reviews_where_it_may_and_never_itself(self):
        self.policy("[pools.reviewer]\nroles = [\"reviewer\"]\nagents = true\n")
        self.agent_key("coder")
        self.agent_key("critic")
        decision = self.request("--key", "coder")
        own = self.jobward("approve", decision, "--key", "coder")
        self.assertEqual(own.returncode, 1)
        self.assertIn("requester's own", own.messages)
        self.assertEqual(self.jobward("approve", decision, "--key", "critic").returncode, 0)
        self.assertEqual(self.check(decision), 0)
        nameless = self.request()
        self.assertEqual(self.jobward("approve", nameless, "--key", "critic").returncode, 1)


class LedgerFile(Trust):
    def fill(self):
        self.policy("[guard]\nno_limit = true\n")
        for job in ("true", "false", "date"):
            self.run_job([job], ["--no-limit"])

    def test_it_is_asked_by_run_check_severity_actor_and_kind(self):
        self.fill()
        entry = self.entries("--check", "cap_escalation")[0]
        self.assertEqual(entry["severity"], "HARD_FAIL")
        self.assertEqual(len(self.entries("--run", entry["run"])), 1)
        self.assertEqual(len(self.entries("--check", "cap_escalation", "--actor", str(os.getuid()))), 3)
        self.assertEqual(self.entries("--since", "2999-01-01"), [])
        self.assertEqual(len(self.entries("--kind", "policy_change")), 1)
        self.assertEqual(self.jobward("ledger", "--severity", "fatal").returncode, 2)

    def test_tampering_is_named(self):
        self.fill()
        self.assertEqual(self.jobward("ledger", "verify").returncode, 0)
        shutil.copy(harness.database(self.state), self.path("before.db"))
        heads = [entry["details"] for entry in self.entries("--kind", "head")]
        with open(self.path("heads"), "w") as file:
            file.write("\n".join(heads) + "\n")
        sound = self.jobward("ledger", "verify", "--head", self.path("heads"))
        self.assertEqual(sound.returncode, 0, sound)
        self.assertIn(b"anchored outside up to entry", sound.stdout)
        self.tamper("UPDATE ledger SET body=replace(body, 'HARD_FAIL', 'INFO') WHERE seq=3")
        changed = self.jobward("ledger", "verify")
        self.assertEqual(changed.returncode, 1)
        self.assertIn(b"entry 3 was changed", changed.stdout)
        self.tamper("DELETE FROM ledger WHERE seq>2")
        self.assertEqual(self.jobward("ledger", "verify").returncode, 0)  # nothing here can tell
        cut = self.jobward("ledger", "verify", "--head", self.path("heads"))
        self.assertEqual(cut.returncode, 1)
        self.assertIn(b"the ledger was cut off", cut.stdout)

    def test_export_can_be_checked_elsewhere(self):
        import hashlib
        self.fill()
        before = bytes(32)
        for line in self.jobward("ledger", "export").stdout.splitlines():
            text = line[len(b'{"entry":'):line.rindex(b',"hash":"')]
            before = hashlib.sha256(before + text).digest()
            self.assertEqual(json.loads(line)["hash"], before.hex())

    def test_kills_by_the_watchdog_are_entered_once(self):
        os.makedirs(os.path.join(self.state, "watchdog"), mode=0o700)
        os.chmod(self.state, 0o700)
        with open(os.path.join(self.state, "watchdog/journal"), "w") as file:
            file.write(journal.kill(1, "abcdefghjk") + journal.outcome(2, 1))
        self.jobward("ledger")
        self.jobward("reap")
        kills = self.entries("--kind", "kill")
        self.assertEqual([entry["run"] for entry in kills], ["abcdefghjk"])


class Policy(Trust):
    def test_a_variable_does_not_lead_past_it(self):
        self.policy("[guard]\nno_limit = true\n")
        empty = self.path("empty.toml")
        with open(empty, "w"):
            pass
        run = self.run_job(["true"], ["--no-limit"], env={**self.env, "JOBWARD_POLICY": empty})
        self.assert_outcome(run, "refused", 77)
        if os.geteuid() == 0:  # else the file is not root's, and ignored
            self.assertIn("two policies", run.result["cause"])

    def test_what_is_not_understood_stops_everything_and_names_the_line(self):
        self.policy("[guard]\nno_limits = true\n")
        run = self.run_job(["true"], ["--mem", "64M"])
        self.assert_outcome(run, "refused", 77)
        self.assertIn("policy.toml:2", run.result["cause"])
        check = self.jobward("policy", "check", self.path(".jobward/policy.toml"))
        self.assertEqual(check.returncode, 1)

    def test_the_projects_is_said_to_be_tamper_evident_only_and_a_change_is_on_record(self):
        self.policy("[guard]\nno_limit = true\n")
        self.assertIn(b"tamper-evident only", self.jobward("policy", "show").stdout)
        self.assertIn(b"T0, the agent's own uid: tamper-evident at best", self.jobward("doctor").stdout)
        os.remove(self.path(".jobward/policy.toml"))
        self.jobward("policy", "show")
        self.assertIn("is gone", self.entries("--kind", "policy_change")[-1]["message"])


if __name__ == "__main__":
    harness.main()
