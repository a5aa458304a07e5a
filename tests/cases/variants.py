"""The ways in which jobward is run, and the words with which a test says where it cannot apply."""

HOST = ("hybrid", "v1", "none")
VM = ("unified", "delegated", "scope", "system")
ALL = HOST + VM
V1 = ("hybrid", "v1")
ROOT = ("hybrid", "v1", "unified", "system")
UNPRIVILEGED = ("none", "delegated", "scope")
CGROUPS = tuple(name for name in ALL if name != "none")

# Reasons that several tests share.
FRONT_END = "the front end is the same on every backend: tested on one kind of v1 and one of v2"
SAME_CODE = ("v1 runs the same code as hybrid here, delegated as unified, system as scope; what differs is where and how runs are "
             "held, and other cases look at that")
# What is run rarely (the label `full`): of variants that share their code with another, what looks least at where and how runs
# are held. Each of these modules is run for landing on hybrid, unified, scope and none.
RARELY = {name: ("test_run_cases", "test_misbehaving", "test_stress", "test_lost") for name in ("v1", "delegated", "system")}

NO_SWAP = "this machine has no swap, so nothing could be kept out of it"
NO_CGROUP = "without a cgroup the kernel keeps no such limit, and no counter that could be polled"


def not_on(*variants, because):
    """Declares that a test, or all tests of a class, cannot apply to these variants, and why. Can be stacked."""
    unknown = set(variants) - set(ALL)
    if unknown:
        raise ValueError(f"unknown variants: {unknown}")

    def declare(test):
        if isinstance(test, type):
            for name, method in vars(test).items():
                if name.startswith("test_"):
                    declare(method)
            return test
        test.reasons = {**getattr(test, "reasons", {}), **{name: because for name in variants}}
        return test
    return declare


def only_on(*variants, because):
    """Declares that a test applies to these variants only; `because` says what the others lack."""
    return not_on(*(name for name in ALL if name not in variants), because=because)


def reason_against(test, variant):
    """Why a test method does not apply to a variant, or None when it does."""
    return getattr(test, "reasons", {}).get(variant)
