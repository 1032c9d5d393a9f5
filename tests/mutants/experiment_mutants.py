"""Deliberate mutants of experiments: who has which variant, whose lists are made again, what is counted."""

from mutant import Mutant

ASSIGNMENT = ("tests/serving/test_experiments.py",)
KEEPER = ("tests/agents/lists/test_list_keeper.py",)
TREATMENTS = ("tests/agents/lists/test_treatments.py",)
ENDPOINT = ("tests/serving/endpoint/test_experiments.py",)
STATISTICS = ("tests/offline/experiments/test_statistics.py",)
REPORT = ("tests/offline/experiments/test_report.py",)

BOOK_FILE = "serving/experiments.py"
STATISTICS_FILE = "offline/experiments/statistics.py"

EXPERIMENTS = [
    Mutant(
        "layers and variants drawn alike",
        BOOK_FILE,
        "_bucket",
        "blake2b(stored, digest_size=8, key=_key(seed), person=purpose)",
        "blake2b(stored, digest_size=8, key=_key(seed))",
        ASSIGNMENT,
    ),
    Mutant(
        "buckets before an experiment's taken",
        BOOK_FILE,
        "ExperimentBook._parts",
        "experiment.buckets[0] <= bucket < experiment.buckets[1]",
        "0 <= bucket < experiment.buckets[1]",
        ASSIGNMENT,
    ),
    Mutant(
        "whom nobody targets treated",
        BOOK_FILE,
        "ExperimentBook.treatment",
        "is_targeted(part[0], traits)",
        "True",
        ASSIGNMENT,
    ),
    Mutant(
        "lists kept when experiments change",
        "agents/lists/list_keeper.py",
        "ListKeeper.sweep",
        "await self._follow_experiments(plane, next_offset)",
        "pass",
        KEEPER,
    ),
    Mutant(
        "a variant speaks for its version",
        "agents/lists/shown_lists.py",
        "ShownLists.current",
        "shown.treatment.ranks_differently",
        "False",
        KEEPER,
    ),
    Mutant(
        "everybody ranked alike",
        "agents/lists/treatments.py",
        "Treatments.settings",
        "changed.changed(variant.ranking)",
        "changed",
        TREATMENTS,
    ),
    Mutant(
        "a copy of experiments goes back",
        "serving/endpoint/versions.py",
        "LiveVersions._newest",
        "sequence > known.sequence",
        "True",
        ENDPOINT,
    ),
    Mutant(
        "what was before added",
        STATISTICS_FILE,
        "_adjusted",
        "value - theta * shift",
        "value + theta * shift",
        STATISTICS,
    ),
    Mutant(
        "impressions of one user independent",
        STATISTICS_FILE,
        "Sample.linearised",
        "self.numerator - self.value * self.denominator",
        "self.numerator",
        STATISTICS,
    ),
    Mutant(
        "a report in spite of the sample ratio",
        "offline/experiments/report.py",
        "report_of",
        "ratio_p < SRM_ALPHA",
        "False",
        REPORT,
    ),
    Mutant(
        "a list of another version is the variant's",
        "offline/experiments/exposures.py",
        "Exposures._counted",
        "version not in (None, shown.model_version)",
        "False",
        REPORT,
    ),
    Mutant(
        "what came before the exposure counts",
        "offline/experiments/exposures.py",
        "Exposures._counted",
        "did.at_ms < exposed_ms",
        "False",
        REPORT,
    ),
]
