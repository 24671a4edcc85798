"""Choice of any finder: its rules, and its way to the plot, the page and the file."""

import json

import pytest
import torch

from richspace_core import RichSpaceError
from richspace_core.drawing import score_plot
from richspace_core.drawing.score_plot import plot_scores
from richspace_core.embedding_file import MixtureRecord, SavedEmbedding, load_embedding, save_embedding
from richspace_core.finder.choice import Choice, Curve


def values(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def find_brightest(brightness: torch.Tensor, *, parts: int = 0) -> Choice:
    """Return the choice of a third finder, without a guide and with curves that no other finder has."""
    best = int(brightness.argmax()) + 1
    shares = tuple(Curve(f"third {number}", brightness / 3, derived=number > 1) for number in range(1, parts + 1))
    return Choice(
        index=best,
        best=best,
        optimum=best / len(brightness),
        curves=(Curve("brightness", brightness, bound=255.0), *shares),
        remarks=("looked at 5 drafts",),
        name_a="a day",
        name_b="a night",
    )


@pytest.fixture(params=[0, 1, 2, 3, 4])
def choice(request):
    return find_brightest(torch.linspace(3, 250, 7, dtype=torch.float64).roll(2), parts=request.param)


def figure_of(choice):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = score_plot._make_figure([choice], width=768, height=448)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return figure


class TestAThirdFinder:
    def test_is_drawn(self, choice):
        assert plot_scores([choice, choice.picked(5)], width=256, height=160).shape == (320, 256, 3)
        figure = figure_of(choice)
        for curve in choice.curves:
            (line,) = figure.findobj(lambda artist, name=curve.name: artist.get_gid() == name)
            assert list(line.get_ydata()) == curve.values.tolist()
        said = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert {"2 of 7: 29% A, 71% B", "looked at 5 drafts", "A: a day", "B: a night"} <= {*said}
        assert {curve.name for curve in choice.curves} <= {*said}  # the legend
        assert "guide" not in said

    def test_curves_of_a_field_look_different(self, choice):
        figure = figure_of(choice)
        lines = [figure.findobj(lambda artist, name=curve.name: artist.get_gid() == name)[0] for curve in choice.curves]
        assert len({(line.get_color(), str(line._dash_pattern)) for line in lines[1:]}) == len(choice.curves) - 1

    def test_is_shown_on_the_page(self, choice):
        data = json.loads(json.dumps(choice.as_json(), allow_nan=False))
        assert list(data["curves"]) == [curve.name for curve in choice.curves]  # the one that decides is the first
        assert data["curves"]["brightness"] == choice.curves[0].values.tolist()
        assert data["bounds"] == {curve.name: curve.bound for curve in choice.curves}
        assert (data["guide"], data["remarks"]) == (None, ["looked at 5 drafts"])
        assert data["choices"][choice.index - 1] == choice.in_words

    def test_is_saved_and_loaded(self, choice, tmp_path):
        record = MixtureRecord.of(choice)
        kept = [curve.name for curve in choice.curves if not curve.derived]
        assert list(record.curves) == kept
        file = tmp_path / "look.safetensors"
        save_embedding(file, SavedEmbedding(torch.ones(4, 3), mixtures=(record,)))
        (loaded,) = load_embedding(file).mixtures
        assert loaded == record
        assert loaded.curves["brightness"] == tuple(choice.curves[0].values.tolist())
        assert loaded.summary == "2 of 7: 29% A (A: a day, B: a night)"

    @pytest.mark.parametrize("name", ["a", "b", "index", "steps"])
    def test_a_curve_may_not_take_the_place_of_another_entry_of_the_file(self, name):
        choice = Choice(1, best=1, optimum=0.5, curves=(Curve(name, values(2, 1)),))
        with pytest.raises(
            RichSpaceError, match=rf"^curves: expected names other than a, b, index, steps, got {name}\."
        ):
            MixtureRecord.of(choice)


class TestRules:
    @pytest.mark.parametrize("index", [0, -1, 4, 2.0, True, "2", None])
    @pytest.mark.parametrize("name", ["index", "best"])
    def test_a_candidate_that_does_not_exist(self, name, index):
        numbers = {"index": 1, "best": 1} | {name: index}
        with pytest.raises(RichSpaceError, match=rf"^{name}: expected a candidate between 1 .* and 3 .*, got"):
            Choice(**numbers, optimum=0.5, curves=(Curve("similarity", values(1, 2, 3)),))

    @pytest.mark.parametrize(
        ("curves", "got"),
        [
            ((), "none"),
            ((Curve("x", values(1, 2)), Curve("x", values(1, 2))), r"x \[2\], x \[2\]"),
            ((Curve("x", values(1, 2)), Curve("y", values(1, 2, 3))), r"x \[2\], y \[3\]"),
            ((Curve("x", torch.ones(2, 2)),), r"x \[2, 2\]"),
        ],
    )
    def test_curves_that_do_not_go_together(self, curves, got):
        with pytest.raises(RichSpaceError, match=rf"^curves: expected at least one curve, .* got {got}\.$"):
            Choice(1, best=1, optimum=0.5, curves=curves)

    def test_picking_by_hand_changes_nothing_else(self):
        choice = find_brightest(values(1, 3, 2))
        picked = choice.picked(3)
        assert (picked.index, picked.best, picked.weight) == (3, 2, 1)
        assert picked.curves is choice.curves
        assert picked.verdict == "3 of 3: 100% A, 0% B, picked by hand (the finder says 2)"
        assert choice.verdict == "2 of 3: 67% A, 33% B"
