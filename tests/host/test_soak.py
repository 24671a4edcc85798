"""Many runs on one server that are disturbed, and cancels: `dev.py soak` and `dev.py cancels`, made short."""

import json

import pytest
from PIL import Image
from reliability.cancels import PLACES, Canceller, report
from reliability.curves import SETTLED, draw, drift
from reliability.small_runs import small_runs
from reliability.soak import Soak, pages

RUNS, SEED = 30, 4
FEW = (
    "KSampler in Morph (demo)",
    "RichSpaceCogVideoXSample in Mix two prompts (demo)",
    "RichSpaceBalance in Mix in KSampler (demo)",
)


@pytest.fixture(scope="module")
def soaked(server, tmp_path_factory):
    """Runs of the demo's workflows on the shared server, which end or are cancelled, and what they left."""
    with pages(server, real=False) as clients:
        soak = Soak(server, clients, SEED, tmp_path_factory.mktemp("none"), only="(demo)")
        return soak.go_on(RUNS, lambda _: None, quiet_every=10)


class TestSoak:
    def test_no_run_is_wrong_or_lost(self, soaked):
        assert soaked.wrong == []
        assert soaked.runs == RUNS
        assert soaked.done >= RUNS // 2
        assert soaked.disturbances

    def test_nothing_is_held_once_memory_is_freed(self, soaked):
        held = [(point["loaded_models"], point["cached_results"], point["kept_drafts"]) for point in soaked.points]
        assert held == [(0, 0, 0)] * len(soaked.points)

    def test_files_threads_and_tensors_do_not_grow(self, soaked):
        _, warm, *_, last = soaked.points  # before the first of them, libraries have still to be imported
        runs = last["run"] - warm["run"]
        for name in ("open_files", "threads", "tensors"):  # a font that is opened late is no leak, one file a run is
            assert last[name] - warm[name] < runs / 2, name

    def test_the_curves_are_drawn(self, soaked, tmp_path):
        draw(soaked.points, tmp_path / "soak.png", "30 runs")
        with Image.open(tmp_path / "soak.png") as picture:
            assert picture.width > 800

    def test_every_workflow_is_there_in_variants(self):
        names = [run.name for run in small_runs()]
        assert len(names) == len({json.dumps(run.prompt) for run in small_runs()}) >= 14 * 6


class TestDrift:
    def points(self, *, slope):
        """Points of a curve that rises after a warm start, with one outlier."""
        rising = [{"run": run, "rss": 1000.0 + slope * run} for run in range(0, 1001, 20)]
        rising[0]["rss"], rising[30]["rss"] = 500.0, 1900.0
        return rising

    def test_a_warm_start_and_an_outlier_are_no_drift(self):
        assert drift(self.points(slope=0), "rss").is_flat
        assert drift(self.points(slope=0), "rss").share == 0

    def test_growth_is_measured_from_where_it_has_settled(self):
        found = drift(self.points(slope=0.1), "rss")
        assert found.start == pytest.approx(1000 + 0.1 * SETTLED)
        assert found.end == pytest.approx(1100)
        assert not found.is_flat


class TestCancel:
    @pytest.mark.parametrize("place", [each for each in PLACES if each.name in FEW], ids=lambda place: place.name)
    def test_ends_within_a_step_and_the_next_run_is_right(self, server, place):
        with server.listen() as events:
            canceller = Canceller(server, events, SEED)
            found = [canceller.cancel(place) for _ in range(2)]
        assert all(each.within_a_step for each in found), found
        assert report(found, canceller.missed)["next_right"] == len(found)
