from dataclasses import dataclass

import pytest

from novacore.topology import SERVICES, service, start_order


@dataclass(frozen=True)
class Item:
    name: str
    depends_on: tuple[str, ...] = ()


def test_the_services_start_with_memory_and_the_local_model_and_end_with_the_gateway() -> None:
    order = [{row.name for row in group} for group in start_order(SERVICES)]
    assert order == [{"memory", "local_model"}, {"intelligence"}, {"gateway"}]


def test_without_the_local_model_the_others_keep_their_order() -> None:
    rows = [row for row in SERVICES if row.name != "local_model"]
    assert [[row.name for row in group] for group in start_order(rows)] == [["memory"], ["intelligence"], ["gateway"]]


def test_programs_that_wait_for_each_other_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="a, b"):
        start_order([Item("a", ("b",)), Item("b", ("a",)), Item("c")])


def test_only_the_local_model_is_restarted() -> None:
    assert [row.name for row in SERVICES if row.restarted] == ["local_model"]


def test_every_dependency_is_a_service() -> None:
    assert {name for row in SERVICES for name in row.depends_on} <= {row.name for row in SERVICES}


def test_a_service_is_found_by_its_name_and_its_variables_by_its_address() -> None:
    gateway = service("gateway")
    assert gateway is not None
    assert (gateway.host_variable, gateway.port_variable) == ("NOVACORE_HOST", "NOVACORE_PORT")
    assert service("frontend") is None
