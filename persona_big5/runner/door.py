"""The only door to litellm: one request out, one reply or one classified failure back.

litellm is imported inside a function (it costs seconds), its own retries, callbacks, telemetry and messages are off,
and what it would drop silently is left out openly. ``simulated/…`` goes through the same door by a custom provider.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from persona_big5.errors import AccessError
from persona_big5.runner.reply import Call, Failure, Reply
from persona_big5.simulation.respondent import respond
from persona_big5.simulation.traits import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from persona_big5.study.model import Llm, Variant

_GRACE = 2.0  # seconds beyond the time-out before a call that litellm does not end is ended from outside
_SECRETS = re.compile(r"(?:\b(?:sk|pk|key|hf|gsk|xai|AIza)[-_][\w-]{6,}|(?<=Bearer )[^\s'\"]+)")
_UNREACHABLE = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError", "ClientConnectorDNSError"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_ACCESS_STATUS = frozenset({401, 403, 404})
_REJECTED_STATUS = frozenset({400, 405, 410, 413, 415, 422})


class Door:
    """All llms of a study, reached through litellm within one event loop; made by :func:`open_door`."""

    def __init__(self, litellm: ModuleType) -> None:
        self._litellm = litellm
        self._table_prices: dict[str, tuple[float, float] | None] = {}
        self._supported: dict[str, frozenset[str] | None] = {}

    def address(self, llm: Llm) -> str:
        """Return where an llm is asked, in words for a message."""
        return llm.api_base or f"the provider of {llm.name}"

    def price(self, llm: Llm, variant: Variant) -> tuple[float, float] | None:
        """USD per input and per output token: the study's price, else litellm's table, else None."""
        if llm.price is not None:
            return llm.price.input / 1e6, llm.price.output / 1e6
        name = variant.name or llm.name
        if name not in self._table_prices:
            self._table_prices[name] = (0.0, 0.0) if name.startswith(PREFIX) else self._table_price(name)
        return self._table_prices[name]

    def _table_price(self, name: str) -> tuple[float, float] | None:
        try:
            info = self._litellm.get_model_info(name)
        except Exception:  # noqa: BLE001  (litellm says "not in the table" with more than one type)
            return None
        per_input, per_output = info.get("input_cost_per_token"), info.get("output_cost_per_token")
        return None if per_input is None or per_output is None else (per_input, per_output)

    def prepare(self, llm: Llm, variant: Variant, messages: list[dict[str, str]], seed: int) -> Call:
        """Return the request as it will be sent; parameters that the provider does not take are left out and named."""
        supported = self._supported_parameters(variant.name or llm.name)
        wanted = {**llm.decoding, "seed": seed}
        standard = set(self._litellm.OPENAI_CHAT_COMPLETION_PARAMS)
        dropped = [] if supported is None else sorted(name for name in wanted if name in standard - supported)
        return Call(messages, {name: value for name, value in wanted.items() if name not in dropped}, dropped)

    def _supported_parameters(self, name: str) -> frozenset[str] | None:
        """Return the standard parameters a provider takes, None if litellm does not know (then all are sent)."""
        if name not in self._supported:
            model, provider, *_ = self._litellm.get_llm_provider(name)
            names = self._litellm.get_supported_openai_params(model=model, custom_llm_provider=provider)
            self._supported[name] = None if names is None else frozenset(names)
        return self._supported[name]

    def check_access(self, llm: Llm) -> None:
        """Raise an AccessError for what is known to be wrong before anything is sent: an odd name, a missing key."""
        for name in {llm.name, *(variant.name for variant in llm.variants if variant.name)}:
            try:
                self._litellm.get_llm_provider(name)
            except Exception as error:
                raise AccessError(
                    f"llm {llm.id}: litellm knows no provider for {name!r}; write provider/model, as openai/{name}"
                ) from error
        self._key(llm)

    def _key(self, llm: Llm) -> str | None:
        """Return the key to pass, None to leave it to litellm's own variables."""
        if llm.api_key_env is not None:
            key = os.environ.get(llm.api_key_env)
            if not key:
                raise AccessError(
                    f"llm {llm.id}: the environment variable {llm.api_key_env} is not set; export it and run again"
                )
            return key
        if llm.name.startswith(PREFIX):
            return None
        missing = self._litellm.validate_environment(llm.name).get("missing_keys") or []
        if missing and llm.api_base is None:
            names = " or ".join(missing)
            raise AccessError(f"llm {llm.id}: no key; export {names}, or name another variable with api_key_env")
        return "no-key-needed" if missing else None

    async def ask(self, llm: Llm, variant: Variant, call: Call) -> Reply:
        """Send one request once.

        Raises
        ------
        Failure
            If no readable reply came; its text holds no key.
        """
        key = self._key(llm)
        try:
            response = await asyncio.wait_for(
                self._litellm.acompletion(
                    model=variant.name or llm.name,
                    messages=call.messages,
                    api_base=llm.api_base,
                    api_key=key,
                    timeout=llm.limits.timeout,
                    max_retries=0,
                    num_retries=0,
                    drop_params=False,
                    **call.parameters,
                ),
                llm.limits.timeout + _GRACE,
            )
            return self._read(response, self.price(llm, variant))
        except TimeoutError:
            raise Failure("transient", f"no reply within {llm.limits.timeout:g} s") from None
        except Exception as error:  # noqa: BLE001  (litellm and its transports raise anything; nothing may end the run)
            raise _classify(error, key) from None

    def _read(self, response: Any, price: tuple[float, float] | None) -> Reply:  # noqa: ANN401  (litellm's own class)
        choice = response.choices[0]
        content = choice.message.content
        usage = getattr(response, "usage", None)
        tokens_in, tokens_out = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
        details = getattr(usage, "completion_tokens_details", None)
        return Reply(
            text=content if isinstance(content, str) else None,
            finish_reason=choice.finish_reason,
            model_returned=response.model,
            fingerprint=getattr(response, "system_fingerprint", None),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_reasoning=getattr(details, "reasoning_tokens", None),
            cost=_cost(price, tokens_in, tokens_out),
        )

    async def close(self) -> None:
        """Close litellm's connections; after this the door is shut."""
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()


@contextmanager
def open_door() -> Iterator[Door]:
    """Import litellm with everything off that is not asked for, and hand out the door to it."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches a price map from the network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm

        litellm.suppress_debug_info = True
        litellm.telemetry = False
        litellm.drop_params = False
        litellm.custom_provider_map = [{"provider": PREFIX.rstrip("/"), "custom_handler": _simulated_provider(litellm)}]
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield Door(litellm)


def _simulated_provider(litellm: ModuleType) -> object:
    class SimulatedProvider(litellm.CustomLLM):  # type: ignore[misc, name-defined]  # litellm is untyped
        """Simulated llms behind litellm; they see the model name, the messages and the parameters."""

        async def acompletion(
            self,
            *,
            model: str,
            messages: list[dict[str, str]],
            model_response: Any,  # noqa: ANN401  (litellm's own class)
            optional_params: Mapping[str, Any],
            **_ignored: object,
        ) -> object:
            text = respond(model, messages, optional_params)
            tokens_in, tokens_out = (max(1, len(part) // 4) for part in ("".join(m["content"] for m in messages), text))
            model_response.model = model
            model_response.choices[0].message.content = text
            model_response.choices[0].finish_reason = "stop"
            model_response.usage = litellm.Usage(
                prompt_tokens=tokens_in, completion_tokens=tokens_out, total_tokens=tokens_in + tokens_out
            )
            return model_response

    return SimulatedProvider()


def _cost(price: tuple[float, float] | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    if price is None or tokens_in is None or tokens_out is None:
        return None
    return tokens_in * price[0] + tokens_out * price[1]


def _classify(error: Exception, key: str | None) -> Failure:
    """Return the failure that an exception of litellm stands for, judged by its causes rather than by its class."""
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    status = getattr(error, "status_code", None)
    message = _without_secrets(" ".join(str(error).split()), key)
    if "ContentPolicyViolationError" in names or any(getattr(cause, "code", None) in _FILTERED for cause in causes):
        return Failure("filtered", message)
    if names & _UNREACHABLE:
        return Failure("unreachable", _without_secrets(str(causes[-1]), key))
    if status in _ACCESS_STATUS or "insufficient_quota" in message:
        return Failure("access", message)
    if status in _REJECTED_STATUS or "UnsupportedParamsError" in names:
        return Failure("rejected", message)
    return Failure("transient", message, retry_after=_retry_after(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _without_secrets(text: str, key: str | None) -> str:
    if key and len(key) >= 4:  # a shorter one would blank out ordinary words
        text = text.replace(key, "[key]")
    for name, value in os.environ.items():
        if name.upper().endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value) >= 8:
            text = text.replace(value, "[key]")
    return "".join(c if c.isprintable() else " " for c in _SECRETS.sub("[key]", text)[:500])


def _retry_after(error: Exception) -> float | None:
    """Return the seconds a server asks to wait, None if it does not say so in seconds."""
    headers = getattr(error, "litellm_response_headers", None) or {}
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after", "")))
    return None
