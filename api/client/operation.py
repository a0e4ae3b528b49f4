"""One definition of a call, two colours: the method that it becomes returns its result on `Client`, an awaitable on `AsyncClient`."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import update_wrapper, wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from .steps import Flow, Plan

if TYPE_CHECKING:
    from .clients import AsyncClient, Client

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Generic[P, T]):
    """A method whose body is a plan."""

    def __init__(self, plan: Callable[P, Plan[T]]) -> None:
        self._plan = plan
        update_wrapper(self, plan)  # type: ignore[arg-type]

    @overload
    def __get__(self, client: None, owner: type) -> "Operation[P, T]": ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: "Client | AsyncClient | None", owner: type) -> Any:
        if client is None:
            return self
        drive: Callable[[Plan[T]], Any] = client.drive

        @wraps(self._plan)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return drive(self._plan(*args, **kwargs))

        return call


class Iteration(Generic[P, T]):
    """A method whose body is a flow."""

    def __init__(self, flow: Callable[P, Flow[T]]) -> None:
        self._flow = flow
        update_wrapper(self, flow)  # type: ignore[arg-type]

    @overload
    def __get__(self, client: None, owner: type) -> "Iteration[P, T]": ...
    @overload
    def __get__(self, client: "Client", owner: type) -> Callable[P, Generator[T, None, None]]: ...
    @overload
    def __get__(self, client: "AsyncClient", owner: type) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, client: "Client | AsyncClient | None", owner: type) -> Any:
        if client is None:
            return self
        iterate: Callable[[Flow[T]], Any] = client.iterate

        @wraps(self._flow)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return iterate(self._flow(*args, **kwargs))

        return call
