"""Score plot: every mark is where the numbers say, and nothing outside the picture changes."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import pytest
import torch

from richspace_core.drawing import score_plot
from richspace_core.drawing.scale import ValueScale
from richspace_core.drawing.score_plot import plot_scores
from richspace_core.embedding import TextEmbedding
from richspace_core.errors import RichSpaceError
from richspace_core.finder.cosine import Scores, cosine_choice, find_optimal


def found(*, steps=30, mix=0.45, seed=0, noise=1.0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(24, 16, generator=generator)
    b = a + noise * torch.randn(24, 16, generator=generator)
    guide = mix * a + (1 - mix) * b + 0.1 * torch.randn(24, 16, generator=generator)
    return find_optimal(TextEmbedding(a, 7), TextEmbedding(b, 9), TextEmbedding(guide, 11), steps=steps)


def choice_of(result, *, chosen=None, **about):
    return result.choice(index=chosen, **about)


def figure_of(*panels, width=768, height=448):
    """Return the figure of `plot_scores` with its layout done."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = score_plot._make_figure(panels, width=width, height=height)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return figure


def marks(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def words(figure, gid):
    return [text.get_text() for text in marks(figure, gid)]


def everything_said(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


# The tensor


@pytest.mark.parametrize("count", [1, 2, 3])
def test_panels_stand_one_below_the_other(count):
    picture = plot_scores([choice_of(found(seed=seed)) for seed in range(count)], width=320, height=200)
    assert picture.shape == (200 * count, 320, 3)
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() < 0.2
    assert 0.8 < picture.max() <= 1


@pytest.mark.parametrize(("width", "height"), [(256, 128), (257, 149), (333, 251), (767, 449), (1001, 777)])
def test_size_is_exact(width, height):
    assert plot_scores([choice_of(found())], width=width, height=height).shape == (height, width, 3)


def test_default_size():
    assert plot_scores([choice_of(found())]).shape == (448, 768, 3)


def test_the_same_panel_gives_the_same_pixels():
    panel = choice_of(found(), name_a="tiger", name_b="zebra")
    assert torch.equal(plot_scores([panel]), plot_scores([panel]))


def test_another_choice_gives_other_pixels():
    result = found()
    assert not torch.equal(plot_scores([choice_of(result)]), plot_scores([choice_of(result, chosen=3)]))


# The panel


def test_panel_of_a_result():
    result = found()
    panel = choice_of(result, counted=False, name_a="tiger", name_b="zebra")
    (curve,) = panel.curves
    assert curve.values is result.scores.full
    assert (panel.index, panel.optimum) == (result.index, result.continuous_weight)
    assert panel.guide == 1 - result.foot_coefficient
    assert (panel.name_a, panel.name_b) == ("tiger", "zebra")


@pytest.mark.parametrize(
    ("chosen", "steps", "verdict"),
    [
        (14, 30, "14 of 30: 47% A, 53% B"),
        (1, 1, "1 of 1: 100% A, 0% B"),
        (1, 8, "1 of 8: 12% A, 88% B"),
        (99, 100, "99 of 100: 99% A, 1% B"),
        (999, 1000, "999 of 1000: 99.9% A, 0.1% B"),
    ],
)
def test_verdict(chosen, steps, verdict):
    curve = torch.zeros(steps, dtype=torch.float64)
    curve[chosen - 1] = 0.5
    panel = cosine_choice(Scores(curve, curve), chosen, continuous_weight=0.5, foot_coefficient=0.5, counted=True)
    assert panel.verdict == verdict


def test_verdict_of_a_hand_picked_candidate():
    result = found()
    verdict = choice_of(result, chosen=16).verdict
    assert verdict == f"16 of 30: 53% A, 47% B, picked by hand (the finder says {result.index})"


@pytest.mark.parametrize(
    ("best", "steps", "foot", "remark"),
    [
        (15, 30, 0.5, []),
        (28, 30, 0.1, []),
        (29, 30, 0.1, ["the guide is closest to pure A"]),
        (1, 30, 0.9, ["the guide is closest to pure B"]),
        (1, 4, 0.7, []),  # a quarter of A is a mixture
        (30, 30, -0.5, ["the guide points beyond A: nearly pure A is best"]),
        (1, 30, 1.5, ["the guide points beyond B: nearly pure B is best"]),
        (1, 4, 1.5, ["the guide points beyond B"]),
    ],
)
def test_a_best_candidate_at_an_end_is_said(best, steps, foot, remark):
    curve = torch.zeros(steps, dtype=torch.float64)
    curve[best - 1] = 0.5
    choice = cosine_choice(Scores(curve, curve), steps // 2, continuous_weight=0.5, foot_coefficient=foot, counted=True)
    assert list(choice.remarks) == remark


@pytest.mark.parametrize(("noise", "said"), [(1.0, False), (0.1, False), (0.03, True), (1e-4, True)])
@pytest.mark.parametrize("counted", [False, True])
def test_prompts_that_are_almost_the_same(noise, said, counted):
    panel = choice_of(found(noise=noise), counted=counted)
    assert ("A and B are almost the same: every mixture looks alike" in panel.remarks) is said


def test_every_remark_at_once_fits_into_the_picture():
    curve = torch.linspace(0, 1, 30, dtype=torch.float64)
    unusual = {"counted": False, "guide_count": 8, "contrast": 0.01}
    panel = cosine_choice(Scores(curve, curve), 3, continuous_weight=1.0, foot_coefficient=-0.5, **unusual)
    figure = figure_of(panel)
    notes = marks(figure, "note")
    assert [note.get_text() for note in notes] == [panel.verdict.partition(", ")[2].partition(", ")[2], *panel.remarks]
    assert len(notes) == 4
    for note in notes:
        assert note.get_window_extent().x1 <= 768


@pytest.mark.parametrize("counted", [False, True])
def test_a_panel_in_plain_json(counted):
    result = found()
    panel = choice_of(result, chosen=3, counted=counted, name_a="tiger", name_b="zebra")
    data = json.loads(json.dumps(panel.as_json(), allow_nan=False))
    assert (data["steps"], data["chosen"], data["best"]) == (30, 3, result.index)
    assert data["optimum"] == result.continuous_weight
    assert data["guide"] == 1 - result.foot_coefficient
    assert data["prompts"] == {"A": "tiger", "B": "zebra"}
    assert data["remarks"] == list(panel.remarks)
    assert len(data["choices"]) == 30
    assert panel.verdict.startswith(data["choices"][2] + ", picked by hand")
    scores = {"sum": result.scores.total, "full": result.scores.full, "truncated": result.scores.truncated}
    expected = scores if counted else {"similarity": result.scores.full}
    assert data["curves"] == {name: values.tolist() for name, values in expected.items()}


@pytest.mark.parametrize("chosen", [0, -1, 31, 2.0, True, "3"])
def test_chosen_must_be_a_candidate(chosen):
    with pytest.raises(RichSpaceError, match=r"index: expected a candidate between 1 .* and 30 .*Candidates count"):
        choice_of(found(), chosen=chosen)


def test_no_panels():
    with pytest.raises(RichSpaceError, match=r"choices: expected at least one finder's scores, got none\."):
        plot_scores([])


@pytest.mark.parametrize(("size", "message"), [((255, 255), "width: .*256.*255"), ((400, 199), "height: .*200.*199")])
def test_too_small_to_read(size, message):
    with pytest.raises(RichSpaceError, match=message):
        plot_scores([choice_of(found())], width=size[0], height=size[1])


# What is drawn, and where


def test_curves_are_the_scores():
    result = found()
    figure = figure_of(choice_of(result))
    for name, values in [
        ("sum", result.scores.total),
        ("full", result.scores.full),
        ("truncated", result.scores.truncated),
    ]:
        (curve,) = marks(figure, name)
        assert list(curve.get_xdata()) == list(range(1, 31))
        assert list(curve.get_ydata()) == values.tolist()


@pytest.mark.parametrize("chosen", [None, 1, 22, 30])
def test_chosen_candidate_is_marked_on_the_sum(chosen):
    result = found()
    figure = figure_of(choice_of(result, chosen=chosen))
    index = chosen or result.index
    (dot,) = marks(figure, "chosen")
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([index], [float(result.scores.total[index - 1])])
    (curve,) = marks(figure, "sum")
    assert dot.axes is curve.axes
    bands = marks(figure, "chosen band")
    assert len(bands) == 2
    for band in bands:
        assert band.get_x() + band.get_width() / 2 == pytest.approx(index)


def test_the_finders_own_choice_is_ringed_when_another_was_picked():
    result = found()
    assert not marks(figure_of(choice_of(result)), "finder's choice")
    (ring,) = marks(figure_of(choice_of(result, chosen=22)), "finder's choice")
    assert list(ring.get_xdata()) == [result.index]


def test_optimum_and_foot_are_on_the_candidates_axis():
    result = found()
    figure = figure_of(choice_of(result))
    for line in marks(figure, "optimum"):
        assert list(line.get_xdata()) == pytest.approx([30 * result.continuous_weight] * 2)
    (foot,) = marks(figure, "guide")
    assert list(foot.get_xdata()) == pytest.approx([30 * (1 - result.foot_coefficient)])
    assert f"optimum {result.continuous_weight:.1%} A" in everything_said(figure)


@pytest.mark.parametrize(("mix", "beyond"), [(1.8, "A"), (-0.8, "B")])
def test_foot_beyond_a_prompt_is_said_not_drawn(mix, beyond):
    figure = figure_of(choice_of(found(mix=mix)))
    assert words(figure, "note") == [f"the guide points beyond {beyond}: nearly pure {beyond} is best"]
    assert not marks(figure, "guide")


def test_title_is_the_verdict():
    figure = figure_of(choice_of(found()), choice_of(found(), chosen=22))
    first, second = words(figure, "title")
    assert first == choice_of(found()).verdict
    assert ", ".join([second, *words(figure, "note")]) == choice_of(found(), chosen=22).verdict
    assert words(figure, "stage") == ["stage 1", "stage 2"]


def test_without_token_counts_there_is_one_curve():
    result = found()
    figure = figure_of(choice_of(result, counted=False))
    assert not marks(figure, "sum") + marks(figure, "full") + marks(figure, "truncated")
    (curve,) = marks(figure, "similarity")
    assert list(curve.get_ydata()) == result.scores.full.tolist()
    (dot,) = marks(figure, "chosen")
    assert list(dot.get_ydata()) == [float(result.scores.full[result.index - 1])]
    assert words(figure, "note") == ["scored on the full embedding (no token counts)"]


@pytest.mark.parametrize(
    ("steps", "numbers", "shares"),
    [
        (1, ["1"], ["exactly A"]),
        (2, ["1", "2"], ["50% A", "exactly A"]),
        (5, ["1", "2", "3", "5"], ["20% A", "40% A", "60% A", "exactly A"]),
        (30, ["1", "10", "20", "30"], ["nearly B", "33% A", "67% A", "exactly A"]),
        (1000, ["1", "400", "600", "1000"], ["nearly B", "40% A", "60% A", "exactly A"]),
    ],
)
def test_candidates_axis(steps, numbers, shares):
    figure = figure_of(choice_of(found(steps=steps)))
    assert words(figure, "candidate") == numbers
    assert words(figure, "share") == shares


@pytest.mark.parametrize(
    ("steps", "noise"), [(steps, 1.0) for steps in (1, 2, 3, 4, 5, 7, 9, 10, 12, 20, 30, 50, 1000)] + [(30, 1e-4)]
)
def test_nothing_overlaps_or_leaves_the_picture(steps, noise):
    result = found(steps=steps, noise=noise)
    names = {"name_a": "W" * 80, "name_b": "The zebra, moves gracefully through the forest, its fur flowing."}
    figure = figure_of(choice_of(result, **names), choice_of(result, chosen=1, **names))
    from matplotlib.text import Text

    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    assert all(min(box.x0, box.y0) >= 0 and box.x1 <= 768 and box.y1 <= 896 for box in boxes)
    for number, box in enumerate(boxes):
        # Boxes include the empty ascent above a line, so only a real crossing counts: two units each way.
        inner = box.padded(-2)
        assert not any(inner.overlaps(other.padded(-2)) for other in boxes[:number])


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 0.1, 1.0, 30.0])
def test_scores_have_plain_labels_that_differ(noise):
    scores = found(noise=noise).scores
    for values, bound in [(scores.total, 2), (scores.full, 1)]:
        scale = ValueScale.fit(values, bound)
        assert scale.low < values.min() <= values.max() < scale.high
        assert 1 <= len(scale.ticks) == len(set(scale.labels))
        assert all(abs(tick) <= bound for tick in scale.ticks)
        assert [float(label.replace("\N{MINUS SIGN}", "-")) for label in scale.labels] == list(scale.ticks)
        assert max(map(len, scale.labels)) <= 8


def test_negative_scores():
    scale = ValueScale.fit(torch.tensor([-0.9, -0.1, 0.1], dtype=torch.float64), 1)
    assert scale.labels == ("\N{MINUS SIGN}1.0", "\N{MINUS SIGN}0.5", "0.0")


# Names


def drawn_names(name_a, name_b="B"):
    figure = figure_of(choice_of(found(), name_a=name_a, name_b=name_b))
    return words(figure, "name A") + words(figure, "name B")


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Tiger", ["A: Tiger"]),
        ("  a\ntiger\t ", ["A: a tiger"]),
        ("a café, où ?", ["A: a café, où ?"]),
        ("costs $5, or $x_1$ \\frac{1}{2}", ["A: costs $5, or $x_1$…"]),
        ("$x_1$ ^2", ["A: $x_1$ ^2"]),
        ("$\\broken{", ["A: $\\broken{"]),
        ("虎 the tiger \U0001fabf", ["A: the tiger"]),
        ("老虎在森林里 3D", []),
        ("\U0001fabf\U0001fabf", []),
        ("نمر", []),
        ("", []),
        ("A", []),
        ("\ud83d\x00\u200b", []),
    ],
)
def test_names_show_what_the_font_has(name, drawn):
    assert drawn_names(name) == drawn


def test_name_of_b():
    assert drawn_names("A", "zebra_2") == ["B: zebra_2"]


def test_long_names_are_cut_between_words():
    (name,) = drawn_names("The tiger, moves gracefully through the forest, its fur flowing in the breeze.")
    assert name == "A: The tiger, moves…"


def test_a_long_word_is_cut_inside():
    (name,) = drawn_names("W" * 200)
    assert name.startswith("A: WWWW")
    assert name.endswith("W…")


# The world around


def test_global_state_is_left_alone():
    before = dict(matplotlib.rcParams)
    plot_scores([choice_of(found())])
    assert dict(matplotlib.rcParams) == before


def test_global_settings_do_not_change_the_picture():
    panel = choice_of(found(), chosen=22, name_a="$tiger$", name_b="zebra_1")
    plain = plot_scores([panel])
    odd = {
        "text.usetex": True,
        "font.size": 40,
        "font.family": "monospace",
        "axes.grid": True,
        "axes.facecolor": "white",
        "figure.facecolor": "white",
        "figure.autolayout": True,
        "figure.dpi": 200,
        "lines.linewidth": 9,
        "lines.marker": "s",
        "legend.frameon": True,
        "text.color": "red",
    }
    with matplotlib.rc_context(odd):
        assert torch.equal(plot_scores([panel]), plain)


def test_threads_draw_the_same_picture():
    panels = [choice_of(found(seed=seed)) for seed in range(3)]
    alone = [plot_scores([panel], width=256, height=160) for panel in panels]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda panel: plot_scores([panel], width=256, height=160), panels))
    assert all(map(torch.equal, alone, together))


def test_scores_are_not_changed():
    result = found()
    before = result.scores.full.clone()
    plot_scores([choice_of(result)])
    assert torch.equal(result.scores.full, before)


def test_matplotlib_is_imported_only_to_draw_and_pyplot_never():
    script = """
import sys, torch
from richspace_core.finder.cosine import Scores, cosine_choice
from richspace_core.drawing.score_plot import plot_scores
curve = torch.tensor([0.5, 0.9], dtype=torch.float64)
panel = cosine_choice(Scores(curve, curve), 2, continuous_weight=0.9, foot_coefficient=0.1, counted=True)
panel.verdict
assert not any(name.partition(".")[0] == "matplotlib" for name in sys.modules)
plot_scores([panel], width=256, height=160)
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
