import pytest

from mezan.api.addresses import network


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("1.2.3.4", "1.2.3.4"), ("::ffff:1.2.3.4", "1.2.3.4"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"), ("", "nowhere"), ("unix:", "nowhere"), ("1.2.3.4.5", "nowhere"),
    ],
)  # fmt: skip
def test_what_of_an_address_is_counted(address, counted):
    """What is no address counts as one."""
    assert network(address) == counted
