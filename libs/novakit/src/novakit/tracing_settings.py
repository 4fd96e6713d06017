"""OpenTelemetry's own variables, as far as traces and OTLP over HTTP are concerned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from .settings import Settings

SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
TRACES_PATH = "/v1/traces"


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be an address such as http://127.0.0.1:4318.")
    return value


def _pairs(value: str) -> str:
    pairs(value)
    return value


def pairs(text: str) -> dict[str, str]:
    """``name=value,name=value`` with percent-encoded values; raises ValueError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError("it must be name=value pairs with commas between them.")
        found[name.strip()] = unquote(value.strip())
    return found


def _secret_pairs(value: SecretStr) -> SecretStr:
    pairs(value.get_secret_value())
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_url)]
Pairs = Annotated[str, AfterValidator(_pairs)]
SecretPairs = Annotated[SecretStr, AfterValidator(_secret_pairs)]


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which traces are recorded: ``ratio`` of them, or what the caller decided where it ``follows_parent``."""

    ratio: float = 1.0
    follows_parent: bool = True


@dataclass(frozen=True, slots=True)
class Export:
    """Where spans go and how. ``timeout`` and ``delay`` are seconds, ``queue`` and ``batch`` numbers of spans."""

    url: str
    headers: Mapping[str, str]
    sampler: Sampler
    resource: Mapping[str, str]
    timeout: float = 10.0
    delay: float = 5.0
    queue: int = 2048
    batch: int = 512
    gzip: bool = False


class TracingSettings(Settings):
    """Settings of a service that records traces. Defaults and meanings are those of OpenTelemetry's specification.

    Traces are recorded where an endpoint is named, or ``OTEL_TRACES_EXPORTER`` is ``otlp``.
    """

    otel_exporter_otlp_endpoint: Url | None = Field(
        default=None, description="OTLP collector that traces are sent to, as in http://127.0.0.1:4318; unset: none."
    )
    otel_exporter_otlp_traces_endpoint: Url | None = Field(
        default=None, description="The whole address for traces, used as it is; unset: the one above and /v1/traces."
    )
    otel_exporter_otlp_headers: SecretPairs | None = Field(
        default=None, description="Headers for the collector, as in name=value,name=value."
    )
    otel_exporter_otlp_traces_headers: SecretPairs | None = Field(default=None, description="The same, for traces.")
    otel_exporter_otlp_timeout: int = Field(default=10_000, ge=1, description="Milliseconds for one export.")
    otel_exporter_otlp_compression: Literal["none", "gzip"] = Field(
        default="none", description="Whether what is sent is compressed."
    )
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", description="How it is sent; nothing else is spoken."
    )
    otel_traces_exporter: Annotated[Literal["otlp", "none"] | None, BeforeValidator(_lower)] = Field(
        default=None, description="`none`: no traces, whatever else is set; `otlp`: also without an endpoint's name."
    )
    otel_traces_sampler: Annotated[SamplerName, BeforeValidator(_lower)] = Field(
        default="parentbased_always_on",
        description=f"Which traces are recorded: {', '.join(get_args(SamplerName))}.",
    )
    otel_traces_sampler_arg: float = Field(
        default=1.0, ge=0, le=1, description="The share of traces that a traceidratio sampler records."
    )
    otel_resource_attributes: Pairs = Field(
        default="", description="More about where this runs, as in deployment.environment.name=home."
    )
    otel_bsp_schedule_delay: int = Field(default=5000, ge=1, description="Milliseconds between two exports.")
    otel_bsp_max_queue_size: int = Field(default=2048, ge=1, description="Spans that wait for an export at most.")
    otel_bsp_max_export_batch_size: int = Field(default=512, ge=1, description="Spans in one export at most.")
    otel_sdk_disabled: bool = Field(default=False, description="`true`: no traces, whatever else is set.")

    @property
    def export(self) -> Export | None:
        """Where traces go; None where they are off."""
        named = self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint
        wanted = self.otel_traces_exporter == "otlp" or (named and self.otel_traces_exporter is None)
        if self.otel_sdk_disabled or not wanted:
            return None
        base = (self.otel_exporter_otlp_endpoint or "http://localhost:4318").rstrip("/")
        headers = self.otel_exporter_otlp_traces_headers or self.otel_exporter_otlp_headers
        return Export(
            url=self.otel_exporter_otlp_traces_endpoint or base + TRACES_PATH,
            headers={} if headers is None else pairs(headers.get_secret_value()),
            sampler=self._sampler,
            resource=pairs(self.otel_resource_attributes),
            timeout=self.otel_exporter_otlp_timeout / 1000,
            delay=self.otel_bsp_schedule_delay / 1000,
            queue=self.otel_bsp_max_queue_size,
            batch=min(self.otel_bsp_max_export_batch_size, self.otel_bsp_max_queue_size),
            gzip=self.otel_exporter_otlp_compression == "gzip",
        )

    @property
    def _sampler(self) -> Sampler:
        name = self.otel_traces_sampler.removeprefix("parentbased_")
        ratios = {"always_on": 1.0, "always_off": 0.0, "traceidratio": self.otel_traces_sampler_arg}
        return Sampler(ratios[name], follows_parent=name != self.otel_traces_sampler)
