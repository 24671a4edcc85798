"""The demo's progress bar and report, and the descriptions of a server's refusals and failures."""

import pytest
import run_demo
from comfyui.events import Event
from comfyui.server import PromptError, describe_refusal, raise_for_status

PROMPT = {
    "1": {"class_type": "Encode", "inputs": {}, "_meta": {"title": "Strawberry"}},
    "2": {"class_type": "Save", "inputs": {}},
}


class TestDemo:
    def test_bar_moves_with_the_nodes_and_their_steps(self, monkeypatch):
        shown, ended = [], []
        monkeypatch.setattr(run_demo.Progress, "show", lambda _, detail: shown.append(detail))
        monkeypatch.setattr(run_demo.Progress, "end", lambda _, outcome: ended.append(outcome))
        events = [
            Event("execution_start", {}),
            Event("executing", {"node": "1"}),
            Event("binary", b"a preview"),
            Event("progress", {"node": "1", "value": 1, "max": 2}),
            Event("executing", {"node": "2"}),
            Event("execution_success", {}),
        ]
        run_demo.show_progress("Running", PROMPT, events)
        assert [line.split("]")[1].split() for line in shown] == [
            ["0%", "Strawberry"],
            ["25%", "Strawberry"],
            ["50%", "Save"],
        ]
        assert ended == ["done"]

    def test_what_balance_chose_and_what_it_cost(self):
        prompt = {"3": {"class_type": "RichSpaceCogVideoXBalance"}, "4": {"class_type": "RichSpaceT5Encode"}}
        said = {
            "3": {"text": ["15 of 30: 50% A, 50% B\n4 drafts of 1 step: 51% of A seen"]},
            "4": {"text": ["8 of 64"]},
        }
        assert run_demo.describe_balance(prompt, {"outputs": said}) == (
            "Balance chose candidate 15 of 30: 50% A, 50% B. It looked at 4 drafts of 1 step: 51% of A seen."
        )
        stages = {
            "3": {"text": [*said["3"]["text"], "21 of 30: 70% A, 30% B\n3 drafts of 1 step: 66% of A seen\nnote"]}
        }
        first, second = run_demo.describe_balance(prompt, {"outputs": stages}).splitlines()
        assert first.startswith("Balance chose candidate 15 of 30: 50% A, 50% B in stage 1. It looked at 4 drafts")
        assert second.endswith("in stage 2. It looked at 3 drafts of 1 step: 66% of A seen.")
        assert run_demo.describe_balance({"4": prompt["4"]}, {"outputs": {"4": said["4"]}}) == ""

    def test_what_the_model_card_says_first(self):
        card = "---\nlicense: x\n---\n\n# Title\n\nIt has **random\nweights**.\n\n## More\n\ntext"
        assert run_demo.about_the_model(card) == "It has random weights."
        assert "moving shape" in run_demo.about_the_model(run_demo.MODEL_CARD.read_text(encoding="utf-8"))

    def test_a_refusal_names_node_and_input(self):
        problem = {"message": "Value -3 smaller than min of 1", "details": "steps"}
        text = describe_refusal(PROMPT, {"error": {}, "node_errors": {"1": {"errors": [problem]}}})
        assert text == "ComfyUI refused the workflow:\n  Strawberry (1): Value -3 smaller than min of 1: steps"

    def test_a_refusal_of_the_whole(self):
        text = describe_refusal(PROMPT, {"error": {"message": "Prompt has no outputs", "details": ""}})
        assert text == "ComfyUI refused the workflow:\n  Prompt has no outputs"

    def test_a_failure_names_the_node(self):
        failure = {"node_id": "2", "exception_message": "disk full\n"}
        entry = {"status": {"completed": False, "messages": [["execution_error", failure]]}}
        with pytest.raises(PromptError, match=r"^Save \(2\) failed: disk full$") as error:
            raise_for_status(PROMPT, entry)
        assert error.value.details is failure
        raise_for_status(PROMPT, {"status": {"completed": True, "messages": []}})
