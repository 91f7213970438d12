"""Published first-principles analyses of inference cost, as formulas with parameters, and what does not fit in them.

Martin Alderson, "Are OpenAI and Anthropic Really Losing Money on Inference?" (martinalderson.com, 2025): 72 H100 at $2
an hour serve DeepSeek R1 (37B active parameters). The figures are parameters of a formula here, never facts. The
counter-check is DeepSeek's own service as it reported it (deepseek-ai/open-infra-index, day 6).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A bandwidth-bound serving estimate: every pass reads the active weights once."""

    gpus: int = 72
    usd_per_gpu_hour: float = 2.0
    gpus_per_instance: int = 8
    active_parameters: float = 37e9
    bytes_per_parameter: float = 2.0
    bandwidth: float = 3.35e12
    """Bytes per second that an instance is given."""
    sequences: int = 32
    prompt_tokens: int = 1000
    """Tokens of each sequence that one pass of prefill takes."""
    flops: float = 989e12
    """Dense BF16 peak of one GPU."""

    @property
    def passes_per_s(self) -> float:
        """Passes per second of one instance, whole ones as published: bandwidth / bytes of the active weights."""
        return float(int(self.bandwidth / (self.active_parameters * self.bytes_per_parameter)))

    @property
    def instances(self) -> float:
        """Instances of the model."""
        return self.gpus / self.gpus_per_instance

    @property
    def usd_per_hour(self) -> float:
        """Rent of the cluster."""
        return self.gpus * self.usd_per_gpu_hour

    @property
    def input_tokens_per_hour(self) -> float:
        """Prefill, as if it were bandwidth-bound too."""
        return self.passes_per_s * self.sequences * self.prompt_tokens * self.instances * 3600

    @property
    def output_tokens_per_hour(self) -> float:
        """Decoding: one token per sequence and pass."""
        return self.passes_per_s * self.sequences * self.instances * 3600

    @property
    def usd_per_mtok_in(self) -> float:
        """US dollars per million input tokens."""
        return self.usd_per_hour / self.input_tokens_per_hour * 1e6

    @property
    def usd_per_mtok_out(self) -> float:
        """US dollars per million output tokens."""
        return self.usd_per_hour / self.output_tokens_per_hour * 1e6

    @property
    def prefill_over_peak(self) -> float:
        """How many times the arithmetic peak of an instance the assumed prefill needs; above 1 it is impossible."""
        tokens_per_s = self.passes_per_s * self.sequences * self.prompt_tokens
        return tokens_per_s * 2 * self.active_parameters / (self.flops * self.gpus_per_instance)

    @property
    def usd_per_mtok_in_at_peak(self) -> float:
        """The least that prefill can cost: all arithmetic units busy all the time."""
        tokens_per_s = self.flops / (2 * self.active_parameters)
        return self.usd_per_gpu_hour / (tokens_per_s * 3600) * 1e6


def monthly_usd(
    input_mtok: float, output_mtok: float, usd_in: float, usd_out: float, *, efficiency: float = 1.0, days: int = 30
) -> float:
    """US dollars a month for a daily use in million tokens; unit costs are divided by `efficiency`."""
    return (input_mtok * usd_in + output_mtok * usd_out) / efficiency * days


def service_cost(tokens_per_s: float, usd_per_gpu_hour: float = 2.0, gpus_per_node: int = 8) -> float:
    """US dollars per million tokens of a node with a measured throughput."""
    return usd_per_gpu_hour * gpus_per_node / (tokens_per_s * 3600) * 1e6


ALDERSON = Cluster()
DEEPSEEK_INPUT_PER_S, DEEPSEEK_OUTPUT_PER_S = 73_700.0, 14_800.0
"""Tokens per second of a node of eight H800, as DeepSeek reported them; cache hits are in the input."""

INCONSISTENCIES = tuple(
    " ".join(paragraph.split())
    for paragraph in """
The published $16.89 a month for 10M tokens in and 100k out a day does not follow from the unit costs printed beside it
($0.003 and $3.08), which give $10.14. It follows exactly when both are divided by 0.6 and rounded to $0.005 and $5.13,
probably an efficiency that the text names elsewhere.

Four different costs of a million input tokens are printed: $0.001, $0.003, $0.005 and $0.01.

Each instance has eight GPUs and is given the bandwidth of one, which makes decoding eight times too slow.

Prefill is taken as bandwidth-bound. It needs about 13.5 times the arithmetic peak of the instance, so a million input
tokens cannot cost less than about $0.042, 14 times the published figure.

A batch of 32 sequences touches about 163 of 256 experts, not 37B parameters' worth, so decoding reads more than
assumed. With the missing bandwidth this nearly cancels, which is why $3 for output looks plausible.

671B parameters at two bytes (1.34 TB) do not fit into eight GPUs of 80 GB.

DeepSeek's own figures give $0.060 in and $0.30 out per million tokens. The same user then costs about $19 a month, but
95 % of it is input, where the analysis has 9 %.
""".strip().split("\n\n")
)
