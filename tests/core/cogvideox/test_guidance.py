"""Schedules of guidance against the formulas, written out."""

from __future__ import annotations

import math

import pytest

from richspace_core.cogvideox.guidance import cosine_guidance, timestep_guidance


class TestCosineGuidance:
    @pytest.mark.parametrize("scale", [2.0, 6.0, 12.0])
    def test_rises_from_one_to_one_more_than_the_scale(self, scale):
        weights = [cosine_guidance(scale, step, 50) for step in range(50)]
        assert weights[0] == 1
        assert weights == sorted(weights)
        assert 0.95 * (1 + scale) < weights[-1] < 1 + scale
        assert weights[25] < 1 + 0.01 * scale  # late: half way there it has hardly begun
        assert cosine_guidance(scale, 50, 50) == pytest.approx(1 + scale)


class TestTimestepGuidance:
    @pytest.mark.parametrize("timestep", [999, 979, 500, 50, 49, 19, 0])
    @pytest.mark.parametrize("scale", [1.5, 6.0])
    def test_is_the_expression_of_diffusers(self, scale, timestep):
        # As CogVideoXPipeline.__call__ has it.
        expected = 1 + scale * ((1 - math.cos(math.pi * ((50 - timestep) / 50) ** 5.0)) / 2)
        assert timestep_guidance(scale, timestep, 50) == pytest.approx(expected, rel=1e-15)
