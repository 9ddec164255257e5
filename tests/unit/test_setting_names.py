"""How settings are named, in both versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.configuration import Attribute, VariableName, folded, is_secret

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
numbers = st.integers(0, 999_999_999)
places = st.one_of(
    st.tuples(st.none(), st.none()), st.tuples(numbers, st.none()), st.tuples(numbers, numbers)
)


@given(names, names, st.none() | names, st.none() | names, places, st.sampled_from(list(Attribute)))
def test_every_name_is_read_back_as_it_was_written(
    component, variable, component_instance, variable_instance, place, attribute
):
    name = VariableName(
        component, variable, component_instance, variable_instance, *place, attribute
    )

    assert VariableName.parse(str(name)) == name


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_value_error(text):
    try:
        name = VariableName.parse(text)
    except ValueError:
        return
    assert VariableName.parse(str(name)) == name


def test_the_shortest_spelling_is_the_actual_value_of_the_stations_own_component():
    name = VariableName("SampledDataCtrlr", "TxUpdatedInterval")

    assert str(name) == "SampledDataCtrlr.TxUpdatedInterval"
    assert VariableName.parse("SampledDataCtrlr.TxUpdatedInterval") == name


def test_the_full_spelling_names_instances_evse_connector_and_attribute():
    name = VariableName.parse("Connector[a].Available[b]@2.1#maxset")

    assert name == VariableName("Connector", "Available", "a", "b", 2, 1, Attribute.MAX_SET)
    assert str(name) == "Connector[a].Available[b]@2.1#MaxSet"


@pytest.mark.parametrize(
    "text", ["", "OnlyOne", "A.", ".B", "A.B@", "A.B@x", "A.B@1.", "A.B#Other", "A.B.C", "A[.B"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError):
        VariableName.parse(text)


def test_names_are_compared_without_regard_to_case():
    assert folded("MeterValueSampleInterval ") == folded("metervaluesampleinterval")


@pytest.mark.parametrize("name", ["AuthorizationKey", "SecurityCtrlr.BasicAuthPassword"])
def test_settings_that_hold_a_secret_are_known_by_their_names(name):
    assert is_secret(name)
    assert not is_secret("AuthCtrlr.AuthorizeRemoteStart")
