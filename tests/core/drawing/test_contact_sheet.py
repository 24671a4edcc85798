"""Contact sheet: its frames, their positions, and its labels."""

import pytest
import torch

from richspace_core import RichSpaceError
from richspace_core.drawing.contact_sheet import draw_contact_sheet, draw_sheet_and_rows

BACKGROUND = torch.tensor([0x1E, 0x1E, 0x24]) / 255
MARGIN, GAP = 16, 6


def plain_video(shades, height=32, width=64, channels=3):
    """Return a video with one plain frame for each shade of gray."""
    return torch.tensor(shades)[:, None, None, None].expand(-1, height, width, channels).clone()


def ramp(count):
    """Return shades that identify each frame: the first differs from the background, the last is white."""
    return [0.4 + 0.6 * number / max(count - 1, 1) for number in range(count)]


def shades_in(sheet, top, count, width, height):
    """Return the shade in the middle of each frame of the row that begins at `top`."""
    lefts = [MARGIN + column * (width + GAP) for column in range(count)]
    return [float(sheet[top + height // 2, left + width // 2].mean()) for left in lefts]


def line_of(width):
    """Return the height of a label's line in a sheet of some width."""
    return round(1.6 * max(14, width // 40))


def test_a_row_shows_frames_that_are_evenly_far_apart():
    sheet = draw_contact_sheet([plain_video(ramp(9))], columns=5, frame_width=64)
    line = line_of(sheet.shape[1])
    assert shades_in(sheet, MARGIN + line, 5, 64, 32) == pytest.approx([ramp(9)[i] for i in (0, 2, 4, 6, 8)], abs=0.01)
    assert sheet.shape == (2 * MARGIN + line + 32, 2 * MARGIN + 5 * 64 + 4 * GAP, 3)
    assert sheet.dtype == torch.float32
    assert 0 <= sheet.min() < sheet.max() <= 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_shorter_video_shows_all_that_it_has(count):
    sheet = draw_contact_sheet([plain_video(ramp(count))], columns=5, frame_width=64)
    shades = shades_in(sheet, MARGIN + line_of(sheet.shape[1]), 5, 64, 32)
    assert shades[:count] == pytest.approx(ramp(count), abs=0.01)
    assert shades[count:] == pytest.approx([float(BACKGROUND.mean())] * (5 - count), abs=0.01)


def test_videos_of_other_sizes_and_lengths_have_frames_of_one_width():
    videos = [plain_video(ramp(9)), plain_video([0.5] * 4, height=200, width=100)]
    sheet = draw_contact_sheet(videos, columns=3, frame_width=128)
    line = line_of(sheet.shape[1])
    second = 2 * MARGIN + 2 * line + 64
    assert shades_in(sheet, second, 3, 128, 256) == pytest.approx([0.5] * 3, abs=0.01)
    assert sheet.shape[0] == second + 256 + MARGIN


def test_a_picture_is_enlarged_without_losing_its_parts():
    half = plain_video([0.0], height=64)
    half[:, :, 32:, 0] = 1.0  # red on the right
    sheet = draw_contact_sheet([half], columns=1, frame_width=512)
    top = MARGIN + line_of(sheet.shape[1])
    assert sheet[top + 100, MARGIN + 100].tolist() == pytest.approx([0, 0, 0], abs=0.01)
    assert sheet[top + 100, MARGIN + 400].tolist() == pytest.approx([1, 0, 0], abs=0.01)


def test_a_row_is_where_its_video_is():
    videos = [plain_video(ramp(3)), plain_video(ramp(3))]
    arguments = {"columns": 3, "frame_width": 128}
    sheets = [draw_sheet_and_rows(videos, labels, **arguments) for labels in (["one", "two"], ["one", "other"])]
    changed = (sheets[0][0] != sheets[1][0]).any(dim=-1).any(dim=-1).nonzero().flatten()
    first, second = sheets[0][1]
    assert (first.label, second.label) == ("one", "two")
    height = sheets[0][0].shape[0]
    assert first.bottom * height < second.top * height <= int(changed.min())
    assert int(changed.max()) < second.bottom * height


def test_each_label_stands_above_its_row():
    videos = [plain_video(ramp(3)), plain_video(ramp(3))]
    sheets = [draw_contact_sheet(videos, labels, columns=3) for labels in (["one", "two"], ["one", "other"])]
    changed = (sheets[0] != sheets[1]).any(dim=-1).any(dim=-1).nonzero().flatten()
    line = line_of(sheets[0].shape[1])
    second = 2 * MARGIN + line + 128
    assert second <= int(changed.min()) <= int(changed.max()) < second + line


def labelled(*labels, videos=1):
    return draw_contact_sheet([plain_video(ramp(3))] * videos, labels, columns=3)


@pytest.mark.parametrize(
    ("labels", "expected", "videos"),
    [
        ((), ("video 1", "video 2"), 2),
        (("a", "b"), ("a (1)", "a (2)", "b (1)", "b (2)"), 4),
        (("a",), ("a (1)", "a (2)", "a (3)"), 3),
        (("two\n  lines",), ("two lines",), 1),
    ],
)
def test_labels_are_numbered_where_they_made_several_videos(labels, expected, videos):
    assert torch.equal(labelled(*labels, videos=videos), labelled(*expected, videos=videos))


def test_a_label_in_letters_that_the_font_lacks_is_a_number():
    assert torch.equal(labelled("虎と縞馬", "tiger 🐯", videos=2), labelled("video 1", "tiger", videos=2))


def test_a_label_that_is_too_long_is_cut_within_the_sheet():
    long = labelled("very long " * 100)
    assert torch.equal(long[:, -MARGIN:], BACKGROUND.expand(long.shape[0], MARGIN, 3))
    assert not torch.equal(long, labelled("very long"))


def test_half_types_values_out_of_range_and_a_fourth_channel_are_drawn():
    video = plain_video(ramp(3))
    expected = draw_contact_sheet([video])
    with_alpha = torch.cat([video, torch.zeros(3, 32, 64, 1)], dim=-1)
    assert torch.equal(draw_contact_sheet([with_alpha]), expected)
    assert (draw_contact_sheet([video.half()]) - expected).abs().max() < 0.01
    beyond = draw_contact_sheet([torch.cat([video[:1] * 0 - 1, video[:1] * 0 + 7])], columns=2)
    assert torch.equal(beyond, draw_contact_sheet([plain_video([0.0, 1.0])], columns=2))


class TestWhatCannotBeDrawn:
    def test_no_video(self):
        with pytest.raises(RichSpaceError, match=r"^frames: expected at least one video's frames, got none\."):
            draw_contact_sheet([])

    @pytest.mark.parametrize("shape", [(64, 64, 3), (0, 64, 64, 3), (3, 64, 64, 1), (3, 0, 64, 3)])
    def test_something_else(self, shape):
        message = (
            r"^frames, video 2: expected pictures, \[frames, height, width, 3\], got float32 of shape .* Connect the"
        )
        with pytest.raises(RichSpaceError, match=message):
            draw_contact_sheet([plain_video(ramp(3)), torch.zeros(shape)])

    @pytest.mark.parametrize("count", [3, 4, 7])
    def test_labels_that_do_not_go_with_the_videos(self, count):
        message = rf"^labels: expected a label for each of the 5 videos.*, got {count}\. Connect the labels of"
        with pytest.raises(RichSpaceError, match=message):
            labelled(*"abcdefg"[:count], videos=5)

    def test_no_column(self):
        with pytest.raises(RichSpaceError, match=r"^columns: expected at least 1 frame"):
            draw_contact_sheet([plain_video(ramp(3))], columns=0)


class TestCaptions:
    WIDTH = 200

    def captioned(self, *captions, videos=1, frames=3, columns=3, **options):
        rows = [plain_video(ramp(frames))] * videos
        return draw_contact_sheet(rows, captions=captions, columns=columns, frame_width=self.WIDTH, **options)

    def changed_columns(self, one, other):
        """Return the numbers of the frames below which two sheets differ, and the first row of pixels that differs."""
        places = (one != other).any(dim=-1)
        lefts = [MARGIN + number * (self.WIDTH + GAP) for number in range(3)]
        columns = [number for number, left in enumerate(lefts) if places[:, left : left + self.WIDTH].any()]
        return columns, int(places.any(dim=1).nonzero().min())

    def test_each_is_written_below_its_own_frame(self):
        plain, other = self.captioned("A", "A", "A"), self.captioned("A", "B", "A")
        assert self.changed_columns(plain, other)[0] == [1]
        assert self.changed_columns(plain, other)[1] >= MARGIN + self.WIDTH // 2  # a single video has no label

    def test_frames_that_are_not_shown_leave_theirs_out(self):
        shown = self.captioned(*"ABCDE", frames=5)
        assert torch.equal(shown, self.captioned(*"AxCxE", frames=5))
        assert self.changed_columns(shown, self.captioned(*"ABxDE", frames=5))[0] == [1]

    def test_of_one_video_hold_for_all_of_the_batch_and_otherwise_each_has_its_own(self):
        same = self.captioned(*"ABC", videos=2)
        assert torch.equal(same, self.captioned(*"ABCABC", videos=2))
        assert self.changed_columns(same, self.captioned(*"ABCABx", videos=2))[0] == [2]

    def test_a_second_line_is_wrapped_and_stays_within_its_frame(self):
        short, long = self.captioned("A", "A", "A"), self.captioned("A", "A\n" + "very long " * 50, "A")
        assert long.shape[0] > short.shape[0]
        right = MARGIN + 2 * self.WIDTH + GAP
        assert torch.equal(
            long[MARGIN + self.WIDTH // 2 :, right : right + GAP],
            BACKGROUND.expand(long.shape[0] - MARGIN - self.WIDTH // 2, GAP, 3),
        )
        head = slice(MARGIN, short.shape[0] - MARGIN)
        assert torch.equal(long[head], short[head])

    def test_labels_stay_above_the_frames(self):
        labeled = self.captioned("A", "A", "A", labels=["tiger"])
        assert labeled.shape[0] == self.captioned("A", "A", "A").shape[0] + line_of(labeled.shape[1])

    @pytest.mark.parametrize("count", [2, 4, 5])
    def test_another_number_than_the_frames_is_refused(self, count):
        message = rf"^captions: expected a text for each of the 3 frames of a video, got {count}\. Connect the captions"
        with pytest.raises(RichSpaceError, match=message):
            self.captioned(*"ABCDE"[:count], videos=2)
