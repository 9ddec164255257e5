"""What a language has to bring to say a tariff in it: one table of templates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """Templates; what is in braces is filled in. `days` begin with Monday."""

    language: str  # ISO 639-1
    decimal_mark: str
    days: tuple[str, str, str, str, str, str, str]

    # what is priced
    free_of_charge: str
    energy: str
    charging: str
    parking: str
    session_fee: str
    parking_fee: str
    fees: str
    reservation_fee: str
    reservation_time: str
    used_fee: str
    used_time: str
    expired_fee: str
    expired_time: str
    line: str  # {label}, {prices}
    then: str  # between two prices
    first_of: str  # {label}

    # prices
    per_kwh: str  # {amount}
    per_hour: str  # {amount}
    once: str  # {amount}
    for_session: str  # {price}
    for_parking: str  # {price}
    free: str
    otherwise: str  # {price}
    otherwise_nothing: str
    in_steps: str  # {price}, {step}
    with_tax: str  # {price}, {rate}
    plus_tax: str  # {price}, {rate}

    # conditions
    to: str  # {first}, {last}: days
    clock: str  # {start}, {end}
    both: str  # {one}, {other}: two times of one day
    midnight: str
    from_date: str  # {date}
    before_date: str  # {date}
    from_energy: str  # {low}
    first_energy: str  # {high}
    energy_between: str  # {low}, {high}
    after: str  # {low}
    in_first: str  # {high}
    between: str  # {low}, {high}
    at_least: str  # {low}
    below: str  # {high}
    at_least_below: str  # {low}, {high}

    # sentences about the whole
    steps_once: str
    later_time_only: str
    at_least_cost: str  # {cost}
    at_most_cost: str  # {cost}
    before_taxes: str  # {amount}
    before_and_after_taxes: str  # {before}, {after}
    taxes_included: str
    tax_included: str  # {rate}
    without_taxes: str
    plus_vat: str  # {rate}
    no_taxes: str
    local_times: str
    ad_hoc: str
    preference: str  # {preference}
    valid_from: str  # {moment}
    valid_until: str  # {moment}
