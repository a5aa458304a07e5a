"""Where limits come from: flags, presets, the project's and the user's configuration, the policy."""

import os

from harness import ROOMY, Case, strict_json
from system import MIB
from test_queue import Scene
from variants import FRONT_END, only_on


@only_on("hybrid", "unified", because=FRONT_END)
class Configuration(Case):
    def limits(self, *options, **popen):
        run = self.run_job(["true"], *options, **popen)
        self.assert_outcome(run, "ok", 0)
        return run.result["limits"]

    def project(self, toml):
        """A git root with a project configuration; returns a directory inside."""
        self.write("project/.git/HEAD", "ref: refs/heads/main\n")
        self.write("project/deep/er/file", "")
        self.write("project/.jobward.toml", toml)
        return self.path("project/deep/er")

    def test_the_users_defaults_apply_and_are_named_as_the_source(self):
        self.configure('[defaults]\nmem = "96M"\ntime = "50s"\nopen_files = 99\n')
        limits = self.limits()
        self.assertEqual((limits["memory_bytes"], limits["wall_seconds"], limits["open_files_count"]),
                         (96 * MIB, 50, 99))
        self.assertNotEqual(limits["sources"]["memory"], "--mem")
        self.assertRegex(limits["sources"]["memory"], "user|config|default")

    def test_a_default_time_is_held_and_no_time_lifts_it(self):
        self.configure('[defaults]\nmem = "96M"\ntime = "1s"\n')
        self.assert_outcome(self.run_job([self.sleeper, "3"]), "wall_limit", 124)
        self.assert_outcome(self.run_job([self.sleeper, "2"], "--no-time"), "ok", 0)

    def test_the_project_is_found_from_below_and_goes_before_the_user(self):
        inside = self.project('[defaults]\nmem = "80M"\n')
        self.configure('[defaults]\nmem = "96M"\ntime = "50s"\n')
        limits = self.limits(cwd=inside)
        self.assertEqual((limits["memory_bytes"], limits["wall_seconds"]), (80 * MIB, 50))
        self.assertRegex(limits["sources"]["memory"], "project|jobward.toml")

    def test_without_git_the_directory_itself_is_the_project(self):
        self.write(".jobward.toml", '[defaults]\nmem = "80M"\n')
        self.assertEqual(self.limits()["memory_bytes"], 80 * MIB)

    def test_a_preset_goes_before_defaults_and_a_flag_before_the_preset(self):
        inside = self.project('[defaults]\nmem = "80M"\n[presets.training]\nmem = "88M"\ntime = "40s"\n')
        self.configure('[defaults]\ntime = "50s"\n')
        limits = self.limits("--preset", "training", cwd=inside)
        self.assertEqual((limits["memory_bytes"], limits["wall_seconds"]), (88 * MIB, 40))
        limits = self.limits("--preset", "training", "--mem", "72M", cwd=inside)
        self.assertEqual((limits["memory_bytes"], limits["wall_seconds"]), (72 * MIB, 40))

    def assert_configuration_error(self, run, *words):
        self.assertEqual(run.returncode, 125, run)
        for word in words:
            self.assertIn(word, run.messages)

    def test_an_unknown_preset_is_an_error_that_names_it(self):
        self.configure('[presets.training]\nmem = "88M"\n')
        self.assert_configuration_error(self.run_job(["true"], "--preset", "trainig"), "trainig", "training")

    def test_an_unknown_key_is_an_error_with_file_line_and_the_nearest_key(self):
        self.configure('[defaults]\nmem = "96M"\nopen_file = 5\n')
        run = self.run_job(["/bin/sh", "-c", "echo > ran"])
        self.assert_configuration_error(run, "user.toml:3", "open_file", "open_files")
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_an_unknown_key_in_the_project_is_an_error_likewise(self):
        inside = self.project('\n\n[defaults]\nmemm = "80M"\n')
        self.assert_configuration_error(self.run_job(["true"], cwd=inside), ".jobward.toml:4", "memm", "mem")

    def test_a_bad_value_is_an_error_with_file_and_line(self):
        self.configure('[defaults]\nmem = "much"\n')
        self.assert_configuration_error(self.run_job(["true"]), "user.toml:2", "much")

    def test_text_that_is_not_toml_is_an_error_with_file_and_line(self):
        self.configure('[defaults]\nmem = \n')
        self.assert_configuration_error(self.run_job(["true"]), "user.toml:2")


@only_on("hybrid", "unified", because=FRONT_END)
class Blocks(Scene):
    def estimated(self, command, **popen):
        run = self.jobward("estimate", "--json", "--", *command, **popen)
        return run.returncode, strict_json(run.stdout)

    def assert_blocked(self, command, *words, **popen):
        for options in ((), ("--mem", "200M"), ("--time", "1h", "--no-wait")):
            run = self.run_job(command, *options, **popen)
            self.assert_outcome(run, "refused", 77, "jobward")
            for word in words:
                self.assertRegex(run.said, word)
        status, answer = self.estimated(command, **popen)
        self.assertEqual((status, answer["verdict"]), (77, "refuse"))
        for word in words:
            self.assertRegex(answer["reason"], word)

    def test_what_is_predicted_to_be_above_a_block_is_refused_whatever_flags_say(self):
        command = ["/bin/sh", "-c", f'echo once >> count; exec "$0" 1', self.sleeper]
        self.configure('[blocks]\ntime = "500ms"\nmem = "10G"\n')
        self.assert_outcome(self.run_job(command, *ROOMY), "ok", 0)  # nothing is known yet
        self.assert_blocked(command, "predicted", "wall", r"user\.toml:2")
        self.assertEqual(self.lines_of("count"), ["once"])
        self.configure('[blocks]\ntime = "1h"\n')
        self.assertEqual(self.estimated(command)[0], 0)
        self.assert_outcome(self.run_job(command, *ROOMY), "ok", 0)

    def test_the_blocks_of_user_and_project_all_hold(self):
        self.write("project/.git/HEAD", "ref: refs/heads/main\n")
        inside, command = self.path("project"), self.needs(100)
        self.assert_outcome(self.run_job(command, "--mem", "200M", cwd=inside), "ok", 0)
        self.configure('[blocks]\nmem = "10G"\n')
        self.write("project/.jobward.toml", '[blocks]\nmem = "50M"\n')
        self.assert_blocked(command, "memory", r"\.jobward\.toml:2", cwd=inside)
        self.configure('[blocks]\nmem = "50M"\n')
        self.write("project/.jobward.toml", '[blocks]\nmem = "10G"\n')
        self.assert_blocked(command, "memory", r"user\.toml:2", cwd=inside)

    def test_no_limit_can_be_blocked(self):
        self.configure("[blocks]\nno_limit = true\n")
        self.assert_outcome(self.run_job(["true"], "--no-limit"), "refused", 77, "jobward")
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)

    def on_a_full_disk(self):
        """The second run of a job that needs more disk than there is left, and the estimate for it."""
        job = ["/bin/sh", "-c", "dd if=/dev/zero of=grown bs=1M count=30 2>/dev/null || exit 9"]
        line, result = self.run_command(job, *ROOMY)
        script = (f'mkdir small; mount -t tmpfs -o size=64M tmpfs small && cd small || exit 99; "$@" 2>/dev/null || exit 98; '
                  f'rm grown; dd if=/dev/zero of=fill bs=1M count=50 2>/dev/null; "$@"; echo $? > ../status; '
                  f'exec "$0" estimate --json -- {" ".join(map(repr, job))}')
        run = self.finish(self.spawn(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script,
                                      self.binary, *line]))
        return run, self.load_result(result), strict_json(run.stdout)

    def test_more_disk_than_there_is_is_a_warning(self):
        run, result, estimate = self.on_a_full_disk()
        self.assertEqual((run.returncode, result["outcome"], result["exit_code"]), (0, "failed", 9), run)
        self.assertRegex(run.messages, "WARN.*disk growth.*14.0 MiB are free")
        self.assertRegex(" ".join(estimate["remarks"]), "WARN.*disk growth")

    def test_more_disk_than_there_is_is_refused_if_so_configured(self):
        self.configure('[blocks]\ndisk_growth = "free"\n')
        run, result, estimate = self.on_a_full_disk()
        self.assertEqual((run.returncode, result["outcome"]), (77, "refused"), run)
        self.assertRegex(result["cause"], r"disk growth.*14.0 MiB are free.*user\.toml:2")
        self.assertEqual((estimate["verdict"], estimate["reason"]), ("refuse", result["cause"]))


@only_on("hybrid", "unified", because=FRONT_END)
class Policy(Case):
    def policy(self, toml, owner=0, mode=0o644):
        path = f"{self.tmp}/policy.toml"
        with open(path, "w") as file:
            file.write(toml)
        os.chown(path, owner, owner)
        os.chmod(path, mode)
        self.env["JOBWARD_POLICY"] = path

    def assert_not_allowed(self, *options, word):
        run = self.run_job(["/bin/sh", "-c", "echo > ran"], *options)
        self.assert_outcome(run, "refused", 77, "jobward")
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertRegex(run.said, word)
        self.assertRegex(run.said, "policy")

    def test_a_flag_above_a_cap_is_refused(self):
        self.policy('[caps]\nmem = "64M"\ntime = "10s"\npids = 50\n')
        self.assert_not_allowed("--mem", "65M", word="64")
        self.assert_not_allowed("--mem", "64M", "--time", "11s", word="10")
        self.assert_not_allowed("--mem", "64M", "--pids", "51", word="50")
        self.assert_outcome(self.run_job(["true"], "--mem", "64M", "--time", "10s"), "ok", 0)

    def test_what_nobody_asked_for_is_held_to_the_cap_and_said(self):
        self.policy('[caps]\nmem = "64M"\ntime = "1s"\n')
        run = self.run_job([self.sleeper, "100"])
        self.assert_outcome(run, "wall_limit", 124)
        self.assertEqual(run.result["limits"]["memory_bytes"], 64 * MIB)
        self.assertRegex(run.said + str(run.result["limits"]["sources"]), "policy|cap")

    def test_no_limit_can_be_blocked(self):
        self.policy("[blocks]\nno_limit = true\n")
        self.assert_not_allowed("--no-limit", word="--no-limit|no_limit")

    def test_no_time_does_not_lift_a_cap(self):
        self.policy('[caps]\ntime = "1s"\n')
        run = self.run_job([self.sleeper, "100"], "--mem", "64M", "--no-time")
        self.assertIn((run.result["outcome"], run.returncode), (("refused", 77), ("wall_limit", 124)), run)

    def test_configuration_cannot_loosen_a_cap(self):
        self.policy('[caps]\nmem = "64M"\n')
        self.configure('[defaults]\nmem = "96M"\n')
        run = self.run_job(["true"])
        if run.returncode == 0:
            self.assertEqual(run.result["limits"]["memory_bytes"], 64 * MIB)
        else:
            self.assert_outcome(run, "refused", 77, "jobward")

    def test_a_policy_that_others_could_have_written_is_ignored_with_a_warning(self):
        for owner, mode in ((12345, 0o644), (0, 0o666), (0, 0o664)):
            with self.subTest(owner=owner, mode=oct(mode)):
                self.policy('[caps]\nmem = "64M"\n', owner, mode)
                run = self.run_job(["true"], "--mem", "96M")
                self.assert_outcome(run, "ok", 0)
                self.assertRegex(run.messages, "policy")
                self.assertRegex(run.messages, "ignored|not believed")
