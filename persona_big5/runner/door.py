"""The only door to litellm: what it knows of an llm, and its own call.

litellm is imported inside functions, with everything off that is not asked for: retries, callbacks, telemetry,
messages. What it knows is asked once for each variant of an llm, as a `Route`: endpoints that speak OpenAI's protocol
are then asked without it (``direct``), at a tenth of the CPU; every other provider, and ``simulated/…`` by a custom
provider, by its own call. A study that needs only the former never loads litellm: importing it takes seconds and
130 MB, so it is done in a process of its own, which tells the routes and ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from persona_big5.runner.reading import read_failure, read_reply, retry_after, without_secrets
from persona_big5.runner.reply import Call, Failure, Reply
from persona_big5.simulation.respondent import respond
from persona_big5.simulation.traits import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

_GRACE = 2.0  # seconds beyond the time-out before a call that litellm does not end is ended from outside
_OPENAI_ADDRESS = "https://api.openai.com/v1"
_UNREACHABLE = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError", "ClientConnectorDNSError"})
_NOT_IN_THE_BODY = frozenset({"extra_headers", "extra_query", "headers", "api_version", "base_url"})
_CONVERSATION = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user")]


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What litellm is asked about: a name as it spells them, where, and the parameters that are wanted."""

    name: str
    api_base: str | None
    api_key_env: str | None
    interface: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """How a variant of an llm is asked.

    ``problem`` says what must be mended first. ``price`` is USD per token of input and of output, ``dropped`` names
    the wanted parameters that the provider does not take. With a ``url`` it is asked there, with ``headers`` (which
    may hold a key) and the parameters as in ``body``; without one, by litellm's own call.
    """

    problem: str | None = None
    price: Sequence[float] | None = None
    dropped: Sequence[str] = ()
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: dict[str, Any] = field(default_factory=dict)


def find_routes(requests: Sequence[RouteRequest]) -> list[Route]:
    """Return a route for each request; litellm is loaded here only if it is anyway."""
    if "litellm" not in sys.modules and not any(request.name.startswith(PREFIX) for request in requests):
        told = subprocess.run(  # noqa: S603  (this very module)
            [sys.executable, "-P", "-m", __name__],  # -P: nothing is imported from the working folder
            input=json.dumps([asdict(request) for request in requests]),
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode == 0:
            return [Route(**route) for route in json.loads(told.stdout)]
    litellm = _load()
    return [_route(litellm, request) for request in requests]


def _tell_routes() -> None:
    """Answer `find_routes` of the parent process."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # litellm prints what it likes
    litellm = _load()
    requests = [RouteRequest(**request) for request in json.load(sys.stdin)]
    json.dump([asdict(_route(litellm, request)) for request in requests], out)
    out.flush()


@cache
def _load() -> ModuleType:
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
    loaded: ModuleType = litellm
    return loaded


def _route(litellm: ModuleType, request: RouteRequest) -> Route:
    name = request.name
    try:
        provider = litellm.get_llm_provider(name)[1]
    except Exception:  # noqa: BLE001  (litellm says "no such provider" with more than one type)
        return Route(problem=f"litellm knows no provider for {name!r}; write provider/model, as openai/{name}")
    price = _price(litellm, name)
    dropped = () if request.interface == "completion" else _not_taken(litellm, request)
    taken = {key: value for key, value in request.parameters.items() if key not in dropped}
    key, problem = _key(litellm, request)
    direct = None if problem else _direct(litellm, request, key, taken)
    if direct is not None:
        address, headers, body = direct
        if address is None:
            problem = f"{provider}/ has no address of its own; give `api_base:`"
        return Route(problem, price, dropped, address, headers, body)
    if request.interface == "completion" and not problem:
        problem = (
            "interface completion needs an endpoint that speaks OpenAI's protocol; give its `api_base:` and the name "
            "as hosted_vllm/…"
        )
    return Route(problem, price, dropped)


def _price(litellm: ModuleType, name: str) -> tuple[float, float] | None:
    if name.startswith(PREFIX):
        return 0.0, 0.0
    try:
        info = litellm.get_model_info(name)
    except Exception:  # noqa: BLE001  (litellm says "not in the table" with more than one type)
        return None
    per_input, per_output = info.get("input_cost_per_token"), info.get("output_cost_per_token")
    return None if per_input is None or per_output is None else (per_input, per_output)


def _not_taken(litellm: ModuleType, request: RouteRequest) -> tuple[str, ...]:
    """Return the parameters that a provider does not take, found out by having each of them translated."""

    def is_taken(name: str) -> bool:
        try:
            return bool(_translate(litellm, request.name, {name: request.parameters[name]}))
        except litellm.UnsupportedParamsError:
            return False

    standard = litellm.OPENAI_CHAT_COMPLETION_PARAMS
    return tuple(sorted(name for name in request.parameters if name in standard and not is_taken(name)))


def _translate(litellm: ModuleType, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a provider takes them."""
    model, provider, *_ = litellm.get_llm_provider(name)
    translated = dict(
        litellm.utils.get_optional_params(model=model, custom_llm_provider=provider, drop_params=False, **parameters)
    )
    translated.pop("stream", None)  # False, and never anything else
    beside = translated.pop("extra_body", {})
    return {**translated, **beside}


def _key(litellm: ModuleType, request: RouteRequest) -> tuple[str | None, str | None]:
    """Return the llm's key, None where it needs none, and what is wrong with it.

    The key of a provider's own variable goes to the provider's own address only: an ``api_base`` gets the key that the
    study names for it, or none.
    """
    variable = request.api_key_env
    if variable is not None:
        key = (os.environ.get(variable) or "").strip()
        if key and not (key.isascii() and key.isprintable()):
            return None, f"the value of {variable} has characters that no key has, such as a line end; export it anew"
        return key, None if key else f"the environment variable {variable} is not set; export it and run again"
    if request.api_base is not None or request.name.startswith(PREFIX):
        return None, None
    missing = litellm.validate_environment(request.name).get("missing_keys") or []
    if missing:
        return None, f"no key; export {' or '.join(missing)}, or name another variable with api_key_env"
    _, provider, key, own_address = litellm.get_llm_provider(request.name)
    if provider == "openai":
        return key or os.environ.get("OPENAI_API_KEY"), None
    if own_address and not key:  # litellm would send OPENAI_API_KEY to many of these
        return None, f"litellm finds no key for {provider}/; name its variable with api_key_env"
    return key, None


def _direct(
    litellm: ModuleType, request: RouteRequest, key: str | None, parameters: Mapping[str, Any]
) -> tuple[str | None, dict[str, str], dict[str, Any]] | None:
    """Return address, headers and body of requests if litellm would send them as OpenAI's protocol has them, else None.

    That is so where its translation leaves a conversation as it is and reads replies as OpenAI's.
    """
    if request.name.startswith(PREFIX) or _NOT_IN_THE_BODY & request.parameters.keys():
        return None
    model, provider, _, own_address = litellm.get_llm_provider(request.name)
    provider_manager, plain = litellm.utils.ProviderConfigManager, litellm.OpenAIGPTConfig
    config = provider_manager.get_provider_chat_config(model=model, provider=litellm.LlmProviders(provider))
    methods = ("transform_response", "get_complete_url", "validate_environment", "get_error_class")
    if not isinstance(config, plain) or any(
        getattr(type(config), method, None) is not getattr(plain, method, None) for method in methods
    ):
        return None
    base = request.api_base or (_OPENAI_ADDRESS if provider == "openai" else own_address)
    if base is None:
        return None, {}, {}
    common = {"model": model, "optional_params": {}, "litellm_params": {}}
    headers = config.validate_environment(headers={}, messages=[], api_key=key, api_base=base, **common)
    if request.interface == "completion":
        return base.rstrip("/") + "/completions", headers, {"model": model, **parameters}
    translated = _translate(litellm, request.name, parameters)
    messages = [dict(message) for message in _CONVERSATION]
    conversation = {**common, "optional_params": dict(translated), "messages": messages, "headers": {}}
    body = {"model": model, "messages": _CONVERSATION, **translated}
    if config.transform_request(**conversation) != body or translated.get("seed") != parameters.get("seed"):
        return None
    url = config.get_complete_url(api_base=base, api_key=key, stream=False, **common)
    return url, headers, {"model": model, **translated}


async def ask_litellm(name: str, call: Call, *, api_base: str | None, api_key_env: str | None, timeout: float) -> Reply:
    """Send one request once, by litellm's own call; ``timeout`` in seconds.

    Raises
    ------
    Failure
        If no readable reply came; its text holds no key.
    """
    litellm = _load()
    key = os.environ.get(api_key_env, "").strip() if api_key_env else None
    try:
        response = await asyncio.wait_for(
            litellm.acompletion(
                model=name,
                messages=call.messages,
                api_base=api_base,
                api_key=key or ("no-key-needed" if api_base else None),
                timeout=timeout,
                max_retries=0,
                num_retries=0,
                drop_params=False,
                **call.parameters,
            ),
            timeout + _GRACE,
        )
    except TimeoutError:
        raise Failure("timed_out", f"no reply within {timeout:g} s") from None
    except Exception as error:  # noqa: BLE001  (litellm and its transports raise anything; nothing may end the run)
        raise _classify(error, key) from None
    data: dict[str, Any] = response.model_dump()
    provider = litellm.get_llm_provider(name)[1]
    data["model"] = str(data["model"]).removeprefix(f"{provider}/")  # which litellm puts before what came back
    return read_reply(data)


async def close_litellm() -> None:
    """Close the connections of litellm's own calls."""
    if "litellm" in sys.modules:
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()


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


if __name__ == "__main__":
    _tell_routes()
