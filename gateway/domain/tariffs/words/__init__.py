"""A tariff in plain words: `describe`, by templates, in each language of `LANGUAGES`.

What is said is true of how the engine bills (`gateway.domain.pricing`): of each dimension the
prices in the order in which they are looked up, each with its restrictions, until one that always
holds; what comes after it is never charged and never said. A price of nothing is called free. Every
number is the tariff's own, times of 60 seconds and more in minutes or hours.

There is no summary of the summary: where it is longer than a DisplayText may be, `alt_text` gives
none, for half a tariff would be a wrong one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from gateway.domain.pricing.currencies import decimals_of
from gateway.domain.tariffs import (
    MIDNIGHT,
    DayOfWeek,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffDimension,
    TariffElement,
    TaxIncluded,
)
from gateway.domain.tariffs.reach import restricted_axes
from gateway.domain.tariffs.words.dutch import DUTCH
from gateway.domain.tariffs.words.english import ENGLISH
from gateway.domain.tariffs.words.french import FRENCH
from gateway.domain.tariffs.words.german import GERMAN
from gateway.domain.tariffs.words.phrases import Phrases

LANGUAGES: Mapping[str, Phrases] = {
    phrases.language: phrases for phrases in (ENGLISH, GERMAN, DUTCH, FRENCH)
}
MOST_CHARACTERS = 512  # types: DisplayText text


def describe(tariff: Tariff, language: str = "en") -> str:
    """Say the tariff on one line. Raises `KeyError` for a language that is not in `LANGUAGES`."""
    return " ".join(_Speaker(tariff, LANGUAGES[language]).sentences())


def alt_text(tariff: Tariff, language: str) -> str | None:
    """The same where it fits into a DisplayText."""
    text = describe(tariff, language)
    return text if len(text) <= MOST_CHARACTERS else None


_PREFERENCES = {"PROFILE_CHEAP": "CHEAP", "PROFILE_FAST": "FAST", "PROFILE_GREEN": "GREEN"}
_AXES_OF_TIME = frozenset({"time", "date", "day"})
_WEEK = tuple(DayOfWeek)
_FEW_DAYS = 2  # named one by one
_TIMED = (TariffDimension.TIME, TariffDimension.PARKING_TIME)


@dataclass(frozen=True, slots=True)
class _Offer:
    """One price and when it counts."""

    element: TariffElement
    component: PriceComponent

    @property
    def is_always(self) -> bool:
        return _always_holds(self.element.restrictions)


def _offers(elements: Iterable[TariffElement], dimension: TariffDimension) -> list[_Offer]:
    """The prices of a dimension in the order of look-up, up to the one that always holds."""
    found: list[_Offer] = []
    for element in elements:
        for component in element.price_components:
            if component.type is dimension:
                found.append(_Offer(element, component))
        if found and found[-1].is_always:
            break
    return found


class _Speaker:
    """One tariff, one language."""

    def __init__(self, tariff: Tariff, phrases: Phrases) -> None:
        self._tariff = tariff
        self._phrases = phrases
        self._said = self._all_offers()
        charged = [offer.component for _, offers in self._said for offer in offers]
        self._rates = {one.vat for one in charged if one.price}
        self._is_free = tariff.min_price is None and not any(one.price for one in charged)

    def sentences(self) -> Iterator[str]:
        if self._is_free:
            yield self._phrases.free_of_charge
        else:
            for label, offers in self._said:
                yield self._priced(label, offers)
            yield from self._rounding()
            yield from self._taxes()
            yield from self._limits()
            yield from self._times()
        yield from self._validity()

    # -- what is priced ---------------------------------------------------------------------------

    def _all_offers(self) -> list[tuple[str, list[_Offer]]]:
        words, of_kind = self._phrases, self._of_kind
        use, reserving = of_kind(None), of_kind(ReservationRestriction.RESERVATION)
        expiring = of_kind(ReservationRestriction.RESERVATION_EXPIRES)
        fees = _offers(use, TariffDimension.FLAT)
        found = [
            (words.energy, _offers(use, TariffDimension.ENERGY)),
            (words.charging, _offers(use, TariffDimension.TIME)),
            (words.parking, _offers(use, TariffDimension.PARKING_TIME)),
            (self._fee_label(fees), fees),
        ]
        labels = (words.reservation_fee, words.reservation_time)
        if expiring:
            labels = (words.used_fee, words.used_time)
            found += _of_reservation((words.expired_fee, words.expired_time), expiring + reserving)
        found += _of_reservation(labels, reserving)
        return [(label, offers) for label, offers in found if offers]

    def _of_kind(self, kind: ReservationRestriction | None) -> list[TariffElement]:
        return [one for one in self._tariff.elements if one.restrictions.reservation is kind]

    def _fee_label(self, fees: Sequence[_Offer]) -> str:
        kinds = {offer.element.is_for_parking for offer in fees}
        if len(kinds) > 1:
            return self._phrases.fees
        return self._phrases.parking_fee if kinds == {True} else self._phrases.session_fee

    def _priced(self, label: str, offers: Sequence[_Offer]) -> str:
        words = self._phrases
        is_fee = offers[0].component.type is TariffDimension.FLAT
        if is_fee and len(offers) > 1:
            label = words.first_of.format(label=label)
        mixed = is_fee and len({offer.element.is_for_parking for offer in offers}) > 1
        parts = [self._offer(offer, mixed=mixed) for offer in offers]
        parts[1:] = [words.otherwise.format(price=part) for part in parts[1:]]
        if not offers[-1].is_always:
            parts.append(words.otherwise_nothing)
        text = words.line.format(label=label, prices=words.then.join(parts))
        return text if text.endswith(".") else f"{text}."

    def _offer(self, offer: _Offer, *, mixed: bool) -> str:
        text = self._price(offer.component)
        if mixed:
            words, parking = self._phrases, offer.element.is_for_parking
            text = (words.for_parking if parking else words.for_session).format(price=text)
        conditions = ", ".join(self._conditions(offer.element.restrictions))
        return f"{text} ({conditions})" if conditions else text

    def _price(self, component: PriceComponent) -> str:
        words = self._phrases
        if not component.price:
            return words.free
        template = {TariffDimension.ENERGY: words.per_kwh, TariffDimension.FLAT: words.once}
        text = template.get(component.type, words.per_hour).format(
            amount=self._money(component.price)
        )
        if len(self._rates) > 1 and component.vat is not None:
            included = self._tariff.tax_included is TaxIncluded.YES
            tagged = words.with_tax if included else words.plus_tax
            text = tagged.format(price=text, rate=self._number(component.vat))
        if _has_steps(component):
            step = Decimal(component.step_size)
            is_energy = component.type is TariffDimension.ENERGY
            said = f"{self._number(step)} Wh" if is_energy else self._duration(step)
            text = words.in_steps.format(price=text, step=said)
        return text

    # -- conditions -------------------------------------------------------------------------------

    def _conditions(self, one: Restrictions) -> Iterator[str]:
        words, number = self._phrases, self._number
        yield from self._days(one)
        yield from self._dates(one)
        yield from self._clock(one)
        yield from _range(
            (one.min_kwh, one.max_kwh),
            number,
            (words.from_energy, words.first_energy, words.energy_between),
        )
        yield from _range(
            (one.min_duration, one.max_duration),
            self._duration,
            (words.after, words.in_first, words.between),
        )
        flow = (words.at_least, words.below, words.at_least_below)
        yield from _range(
            (one.min_current, one.max_current), lambda value: f"{number(value)} A", flow
        )
        yield from _range((one.min_power, one.max_power), lambda value: f"{number(value)} kW", flow)

    def _days(self, one: Restrictions) -> Iterator[str]:
        numbers = [number for number, day in enumerate(_WEEK) if day in one.day_of_week]
        if not numbers:
            return
        names = [self._phrases.days[number] for number in numbers]
        in_a_row = numbers[-1] - numbers[0] == len(numbers) - 1
        if in_a_row and len(numbers) > _FEW_DAYS:
            yield self._phrases.to.format(first=names[0], last=names[-1])
        else:
            yield ", ".join(names)

    def _dates(self, one: Restrictions) -> Iterator[str]:
        if one.start_date is not None:
            yield self._phrases.from_date.format(date=_day(one.start_date))
        if one.end_date is not None:
            yield self._phrases.before_date.format(date=_day(one.end_date))

    def _clock(self, one: Restrictions) -> Iterator[str]:
        if one.start_time is None and one.end_time is None:
            return
        start, end = one.start_time or MIDNIGHT, one.end_time or MIDNIGHT
        if start == end:
            return  # the whole day
        wraps = start > end > MIDNIGHT
        if wraps and restricted_axes(one) & {"day", "date"}:
            # days and dates are those of the moment itself: both ends belong to the one day
            yield self._phrases.both.format(
                one=self._from_to(MIDNIGHT, end), other=self._from_to(start, MIDNIGHT)
            )
        else:
            yield self._from_to(start, end)

    def _from_to(self, start: time, end: time) -> str:
        return self._phrases.clock.format(start=self._time(start), end=self._time(end))

    # -- sentences about the whole ----------------------------------------------------------------

    def _rounding(self) -> Iterator[str]:
        stepped = {
            offer.component.type
            for _, offers in self._said
            for offer in offers
            if offer.component.price and _has_steps(offer.component)
        }
        if stepped:
            yield self._phrases.steps_once
        if stepped & {*_TIMED} and all(_offers(self._of_kind(None), one) for one in _TIMED):
            yield self._phrases.later_time_only

    def _limits(self) -> Iterator[str]:
        low, high = self._tariff.min_price, self._tariff.max_price
        if low is not None:
            yield self._phrases.at_least_cost.format(cost=self._limit(low, max))
        if high is not None:
            yield self._phrases.at_most_cost.format(cost=self._limit(high, min))

    def _limit(self, limit: PriceLimit, stricter: Callable[[Decimal, Decimal], Decimal]) -> str:
        before, after = limit.before_taxes, limit.after_taxes
        if self._tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
            return self._money(before if after is None else stricter(before, after))
        if after is None:
            return self._phrases.before_taxes.format(amount=self._money(before))
        return self._phrases.before_and_after_taxes.format(
            before=self._money(before), after=self._money(after)
        )

    def _taxes(self) -> Iterator[str]:
        words, included = self._phrases, self._tariff.tax_included
        if included is TaxIncluded.NOT_APPLICABLE:
            yield words.no_taxes
        elif len(self._rates) == 1 and None not in self._rates:
            (rate,) = (self._number(one) for one in self._rates if one is not None)
            template = words.tax_included if included is TaxIncluded.YES else words.plus_vat
            yield template.format(rate=rate)
        elif self._rates:
            yield words.taxes_included if included is TaxIncluded.YES else words.without_taxes

    def _times(self) -> Iterator[str]:
        axes = {
            axis
            for _, offers in self._said
            for offer in offers
            if not offer.is_always
            for axis in restricted_axes(offer.element.restrictions)
        }
        if axes & _AXES_OF_TIME:
            yield self._phrases.local_times

    def _validity(self) -> Iterator[str]:
        words, tariff = self._phrases, self._tariff
        if tariff.type == "AD_HOC_PAYMENT":
            yield words.ad_hoc
        if tariff.type in _PREFERENCES:
            yield words.preference.format(preference=_PREFERENCES[tariff.type])
        if tariff.start_date_time is not None:
            yield words.valid_from.format(moment=_moment(tariff.start_date_time))
        if tariff.end_date_time is not None:
            yield words.valid_until.format(moment=_moment(tariff.end_date_time))

    # -- numbers ----------------------------------------------------------------------------------

    def _money(self, amount: Decimal) -> str:
        whole, _, decimals = _digits(amount).partition(".")
        decimals = decimals.ljust(decimals_of(self._tariff.currency), "0")
        text = f"{whole}{self._phrases.decimal_mark}{decimals}" if decimals else whole
        return f"{text} {self._tariff.currency}"

    def _number(self, value: Decimal) -> str:
        return _digits(value).replace(".", self._phrases.decimal_mark)

    def _duration(self, seconds: Decimal) -> str:
        for unit, size in (("h", 3600), ("min", 60)):
            if seconds and seconds % size == 0:
                return f"{self._number(seconds / size)} {unit}"
        return f"{self._number(seconds)} s"

    def _time(self, at: time) -> str:
        return self._phrases.midnight if at == MIDNIGHT else f"{at:%H:%M}"


def _of_reservation(
    labels: tuple[str, str], elements: Sequence[TariffElement]
) -> list[tuple[str, list[_Offer]]]:
    dimensions = (TariffDimension.FLAT, TariffDimension.TIME)
    return [
        (label, _offers(elements, dimension))
        for label, dimension in zip(labels, dimensions, strict=True)
    ]


def _range(
    limits: tuple[Decimal | None, Decimal | None],
    say: Callable[[Decimal], str],
    templates: tuple[str, str, str],
) -> Iterator[str]:
    low, high = limits
    if low is not None and high is not None:
        yield templates[2].format(low=say(low), high=say(high))
    elif low is not None:
        yield templates[0].format(low=say(low))
    elif high is not None:
        yield templates[1].format(high=say(high))


def _has_steps(component: PriceComponent) -> bool:
    return component.type is not TariffDimension.FLAT and component.step_size > 1


def _always_holds(one: Restrictions) -> bool:
    """Without restrictions, or with times that are the whole day."""
    axes = restricted_axes(one)
    whole_day = (one.start_time or MIDNIGHT) == (one.end_time or MIDNIGHT)
    return not axes or (axes == {"time"} and whole_day)


def _digits(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(day: date) -> str:
    return day.isoformat()


def _moment(moment: datetime) -> str:
    text = moment.replace(tzinfo=None).isoformat(" ", "minutes" if not moment.second else "seconds")
    return f"{text} UTC"
