"""The only door to litellm: one request out, one reply or one classified failure back.

litellm is imported inside a function (it costs seconds), its own retries, callbacks, telemetry and messages are off,
and what it would drop silently is left out openly. For each variant of an llm it is decided once which way its calls
go: to endpoints that speak OpenAI's protocol over connections of our own (litellm translates, ``direct`` sends), to
every other provider through litellm's own call, which costs ten times the CPU. ``simulated/…`` goes the latter way, by
a custom provider.
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from persona_big5.errors import AccessError
from persona_big5.runner.direct import Connections
from persona_big5.runner.reading import read_failure, read_reply, retry_after, without_secrets
from persona_big5.runner.reply import Call, Failure, Reply
from persona_big5.simulation.respondent import respond
from persona_big5.simulation.traits import PREFIX
from persona_big5.study.messages import COMPLETION_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from persona_big5.study import Session, Study
    from persona_big5.study.model import Llm, Variant

    Prices = dict[tuple[str, str], tuple[float, float] | None]

_GRACE = 2.0  # seconds beyond the time-out before a call that litellm does not end is ended from outside
_TOP_LOGPROBS = 20  # as many alternatives as most providers give
_OPENAI_ADDRESS = "https://api.openai.com/v1"
_UNREACHABLE = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError", "ClientConnectorDNSError"})
_NOT_IN_THE_BODY = frozenset({"extra_headers", "extra_query", "headers", "api_version", "base_url"})
_TRANSLATION = (
    "transform_request",
    "transform_response",
    "get_complete_url",
    "validate_environment",
    "get_error_class",
)


@dataclass(frozen=True, slots=True)
class _Direct:
    """What litellm says of an OpenAI-compatible endpoint: address, headers, and how to translate a request."""

    url: str
    headers: dict[str, str]
    config: Any
    model: str


class Door:
    """All llms of a study, reached through litellm within one event loop; made by :func:`open_door`."""

    def __init__(self, litellm: ModuleType) -> None:
        self._litellm = litellm
        self._table_prices: dict[str, tuple[float, float] | None] = {}
        self._refused: dict[tuple[str, str], list[str]] = {}
        self._translated: dict[tuple[str, str], dict[str, Any]] = {}
        self._directs: dict[tuple[str, str], _Direct | None] = {}
        self._connections: Connections | None = None

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

    def prepare(self, session: Session, messages: list[dict[str, str]]) -> Call:
        """Return a request as it will be sent; parameters that the provider does not take are left out and named."""
        wanted = _wanted(session)
        if session.llm.interface == "completion":
            return Call(messages, wanted, [])
        dropped = self._not_taken(session.variant.name or session.llm.name, wanted)
        return Call(messages, {name: value for name, value in wanted.items() if name not in dropped}, dropped)

    def _not_taken(self, name: str, wanted: Mapping[str, Any]) -> list[str]:
        """Return the parameters that a provider does not take, found out once by having each of them translated."""
        which = (name, repr({**wanted, "seed": 0}))
        if which not in self._refused:
            standard = self._litellm.OPENAI_CHAT_COMPLETION_PARAMS
            self._refused[which] = sorted(
                parameter for parameter in wanted if parameter in standard and not self._takes(name, parameter, wanted)
            )
        return self._refused[which]

    def _takes(self, name: str, parameter: str, wanted: Mapping[str, Any]) -> bool:
        try:
            self._translate(name, {parameter: wanted[parameter]})
        except self._litellm.UnsupportedParamsError:
            return False
        return True

    def check_access(self, llm: Llm) -> None:
        """Raise an AccessError for what is known to be wrong before anything is sent: an odd name, a missing key."""
        for variant in llm.variants:
            name = variant.name or llm.name
            try:
                self._litellm.get_llm_provider(name)
            except Exception as error:
                raise AccessError(
                    f"llm {llm.id}: litellm knows no provider for {name!r}; write provider/model, as openai/{name}"
                ) from error
            direct = self._direct(llm, variant)
            if direct is None and llm.interface == "completion":
                raise AccessError(
                    f"llm {llm.id}: interface completion needs an endpoint that speaks OpenAI's protocol; give its "
                    f"`api_base:` and the name as hosted_vllm/…"
                )

    def _key(self, llm: Llm) -> str | None:
        """Return the llm's key, None where it needs none.

        The key of a provider's own variable goes to the provider's own address only: an ``api_base`` gets the key that
        the study names for it, or none.
        """
        if llm.api_key_env is not None:
            key = os.environ.get(llm.api_key_env)
            if not key:
                raise AccessError(
                    f"llm {llm.id}: the environment variable {llm.api_key_env} is not set; export it and run again"
                )
            return key
        if llm.api_base is not None or llm.name.startswith(PREFIX):
            return None
        missing = self._litellm.validate_environment(llm.name).get("missing_keys") or []
        if missing:
            names = " or ".join(missing)
            raise AccessError(f"llm {llm.id}: no key; export {names}, or name another variable with api_key_env")
        return self._litellm.get_llm_provider(llm.name)[2] or os.environ.get("OPENAI_API_KEY", "")

    def _direct(self, llm: Llm, variant: Variant) -> _Direct | None:
        """Decide, once, which way a variant's calls go; None is litellm's own call."""
        which = (llm.id, variant.id)
        if which not in self._directs:
            self._directs[which] = self._decide(llm, variant.name or llm.name)
        return self._directs[which]

    def _decide(self, llm: Llm, name: str) -> _Direct | None:
        if name.startswith(PREFIX):
            return None
        litellm = self._litellm
        model, provider, _, own_address = litellm.get_llm_provider(name)
        config = litellm.utils.ProviderConfigManager.get_provider_chat_config(
            model=model, provider=litellm.LlmProviders(provider)
        )
        plain = litellm.OpenAIGPTConfig
        speaks_openai = isinstance(config, plain) and all(
            getattr(type(config), method, None) is getattr(plain, method, None) for method in _TRANSLATION
        )
        if not speaks_openai or _NOT_IN_THE_BODY & llm.decoding.keys():
            self._key(llm)
            return None
        base = llm.api_base or (_OPENAI_ADDRESS if provider == "openai" else own_address)
        if base is None:
            raise AccessError(f"llm {llm.id}: {provider}/ has no address of its own; give `api_base:`")
        key = self._key(llm)
        common = {"api_base": base, "api_key": key, "model": model, "optional_params": {}, "litellm_params": {}}
        headers = config.validate_environment(headers={}, messages=[], **common)
        url = config.get_complete_url(stream=False, **common)
        if llm.interface == "completion":
            url = base.rstrip("/") + "/completions"
        return _Direct(url, headers, config, model)

    async def ask(self, llm: Llm, variant: Variant, call: Call) -> Reply:
        """Send one request once.

        Raises
        ------
        Failure
            If no readable reply came; its text holds no key.
        """
        direct = self._direct(llm, variant)
        if direct is None:
            return read_reply(await self._ask_litellm(llm, variant, call))
        if self._connections is None:
            self._connections = Connections(_ssl_configuration())
        return read_reply(
            await self._connections.post(
                direct.url,
                direct.headers,
                self._body(direct, llm, variant, call),
                timeout=llm.limits.timeout,
                key=self._key(llm),
            )
        )

    def _body(self, direct: _Direct, llm: Llm, variant: Variant, call: Call) -> dict[str, Any]:
        """Return the body of a request as litellm translates it; parameters but the seed are translated once."""
        if llm.interface == "completion":
            return {"model": direct.model, "prompt": call.messages[0]["content"], **call.parameters}
        fixed = {name: value for name, value in call.parameters.items() if name != "seed"}
        which = (variant.name or llm.name, repr(fixed))
        if which not in self._translated:
            self._translated[which] = self._translate(which[0], fixed)
        seed = {"seed": call.parameters["seed"]} if "seed" in call.parameters else {}
        body: dict[str, Any] = direct.config.transform_request(
            model=direct.model,
            messages=[dict(message) for message in call.messages],
            optional_params={**self._translated[which], **seed},
            litellm_params={},
            headers={},
        )
        return body

    def _translate(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters as a provider takes them."""
        model, provider, *_ = self._litellm.get_llm_provider(name)
        translated = dict(
            self._litellm.utils.get_optional_params(
                model=model, custom_llm_provider=provider, drop_params=False, **parameters
            )
        )
        translated.pop("stream", None)  # False, and never anything else
        beside = translated.pop("extra_body", {})
        return {**translated, **beside}

    async def _ask_litellm(self, llm: Llm, variant: Variant, call: Call) -> object:
        key = self._key(llm)
        try:
            response = await asyncio.wait_for(
                self._litellm.acompletion(
                    model=variant.name or llm.name,
                    messages=call.messages,
                    api_base=llm.api_base,
                    api_key=key or ("no-key-needed" if llm.api_base else None),
                    timeout=llm.limits.timeout,
                    max_retries=0,
                    num_retries=0,
                    drop_params=False,
                    **call.parameters,
                ),
                llm.limits.timeout + _GRACE,
            )
        except TimeoutError:
            raise Failure("timed_out", f"no reply within {llm.limits.timeout:g} s") from None
        except Exception as error:  # noqa: BLE001  (litellm and its transports raise anything; nothing may end the run)
            raise _classify(error, key) from None
        data: dict[str, Any] = response.model_dump()
        provider = self._litellm.get_llm_provider(variant.name or llm.name)[1]
        data["model"] = str(data["model"]).removeprefix(f"{provider}/")  # which litellm puts before what came back
        return data

    async def close(self) -> None:
        """Close all connections; after this the door is shut."""
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        if self._connections is not None:
            await self._connections.close()
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


def table_prices(study: Study) -> Prices:
    """USD per input and per output token of every (llm, variant) of a study, None where nobody knows."""
    with open_door() as door:
        return {(llm.id, variant.id): door.price(llm, variant) for llm in study.llms for variant in llm.variants}


def _ssl_configuration() -> Any:  # noqa: ANN401  (litellm's own: a context, or False where it is told to check nothing)
    from litellm.llms.custom_httpx.http_handler import get_ssl_configuration

    return get_ssl_configuration()


def _wanted(session: Session) -> dict[str, Any]:
    """Parameters that a session asks for: the llm's own, what its administration needs, and its seed."""
    probability = session.answer_mode == "probability"
    if session.llm.interface == "completion":
        added = {"stop": [COMPLETION_STOP], **({"logprobs": _TOP_LOGPROBS} if probability else {})}
    else:
        added = {"logprobs": True, "top_logprobs": _TOP_LOGPROBS} if probability else {}
    return {**added, **session.llm.parameters(session.reasoning), "seed": session.seed}


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


def _classify(error: Exception, key: str | None) -> Failure:
    """Return the failure that an exception of litellm stands for, judged by its causes rather than by its class."""
    causes = list(_causes(error))
    names = {type(cause).__name__ for cause in causes}
    message = without_secrets(str(error), key)
    if "ContentPolicyViolationError" in names:
        return Failure("filtered", message)
    if names & _UNREACHABLE:
        return Failure("unreachable", without_secrets(str(causes[-1]), key))
    if names & {"Timeout", "APITimeoutError", "ReadTimeout"}:
        return Failure("timed_out", message)
    if names & {"JSONDecodeError", "APIResponseValidationError"}:
        return Failure("unreadable", message)
    if "UnsupportedParamsError" in names:
        return Failure("rejected", message)
    status = getattr(error, "status_code", None)
    headers = getattr(error, "litellm_response_headers", None) or {}
    if not isinstance(status, int) or status < 400:
        return Failure("unreadable" if status == 200 else "dropped", message, retry_after=retry_after(headers))
    return read_failure(status, str(error), headers, key)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
