"""Whole training steps as CUDA graphs: one launch a step, however small the model.

A step of a small model is some hundred kernels of a few microseconds, which a program cannot launch
as fast as a GPU runs them. So the first steps of each bucket run as usual, which also compiles what
is compiled; then one is captured, and from there on replayed over the same memory.
"""

from collections import Counter

import torch
from torch import Tensor

from ditlaw.training.feeder import StepInputs, noise_like
from ditlaw.training.losses import DeviceLosses
from ditlaw.training.step import Stepper

WARM_UP = 3  # steps of a bucket before it is captured; torch asks for a few on a side stream
RUN_AHEAD = 8  # steps that may wait for the GPU: enough to keep it busy, and logs near the truth


class DeviceSteps:
    """Steps on a GPU, on a stream of their own; nothing here waits for the device to finish one.

    What changes from step to step (its number, the rates, the shares of the averages) lies in
    ``knobs`` on the device, set by one copy, so that a captured step can read it. Without
    ``captured`` every step is launched kernel by kernel.
    """

    def __init__(
        self, stepper: Stepper, losses: DeviceLosses, device: torch.device, *, captured: bool
    ) -> None:
        self.stepper, self.losses, self.captured = stepper, losses, captured
        self.device = device
        self.batch, self.rows = stepper.batch, stepper.ranks.rows(stepper.batch)
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        groups = stepper.optimiser.param_groups
        self.knobs = torch.zeros(2 + len(groups), device=device)
        for group, rate in zip(groups, self.knobs[2:], strict=True):
            group["lr"] = rate
        self.seen: Counter[int] = Counter()
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, StepInputs]] = {}
        self.pool = torch.cuda.graph_pool_handle()  # in common: no two graphs run at once
        self.waiting: list[torch.cuda.Event] = []

    def step(
        self, inputs: StepInputs, number: int, share: float, rates: list[float], seed: int
    ) -> None:
        """Queue the ``number``th step; ``inputs`` are in pinned memory, ``seed`` is the noise's."""
        with torch.cuda.stream(self.copies):  # beside the steps before, not after them
            there = inputs.to(self.device)
        self.stream.wait_stream(self.copies)
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for value in there.tensors().values():
                value.record_stream(self.stream)
            there = there.with_noise(noise_like(there.x0, seed, self.batch, self.rows))
            knobs = torch.tensor([number, share, *rates], dtype=torch.float32).pin_memory()
            self.knobs.copy_(knobs, non_blocking=True)
            if there.bucket in self.graphs:
                graph, held = self.graphs[there.bucket]
                for name, value in there.tensors().items():
                    held.tensors()[name].copy_(value)
                graph.replay()
            else:
                self._first(there)
        torch.cuda.current_stream().wait_stream(self.stream)
        self._keep_near()

    def _first(self, inputs: StepInputs) -> None:
        """A step of a bucket that has not been captured: capture it if it is warm, else run it."""
        if self.captured and self.seen[inputs.bucket] >= WARM_UP:
            micro = self.stepper.micro
            self.stepper.fitting(lambda: self._capture(inputs, micro))
            if self.stepper.micro == micro:
                self.graphs[inputs.bucket][0].replay()
                return
            self.seen.clear()  # parts of another size have to be compiled before they are captured
        mean = self.stepper.fitting(lambda: self.stepper.gradient(inputs))
        self._finish(mean)
        self.seen[inputs.bucket] += 1

    def _finish(self, mean: Tensor) -> None:
        number, share = self.knobs[:2]
        self.stepper.update(share)
        self.losses.add(mean, number, share)

    def _capture(self, inputs: StepInputs, micro: int) -> None:
        """Capture a step, which does none of it; nothing if parts are not of that size any more."""
        if self.stepper.micro != micro:
            return
        held = inputs.of({name: value.clone() for name, value in inputs.tensors().items()})
        self.stepper.optimiser.zero_grad(set_to_none=True)  # the graph holds gradients of its own
        graph = torch.cuda.CUDAGraph()
        # Threads that draw the next batches pin memory meanwhile, which is no part of the step.
        with torch.cuda.graph(
            graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"
        ):
            self._finish(self.stepper.gradient(held))
        self.graphs[inputs.bucket] = graph, held

    def _keep_near(self) -> None:
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(self.stream)
        self.waiting.append(event)
        if len(self.waiting) > RUN_AHEAD:
            self.waiting.pop(0).synchronize()
