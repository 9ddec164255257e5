"""Every key, hash field and channel name of the store; no other module spells one.

All keys of one party carry the hash tag `{NL*ABC}`, so that Redis Cluster keeps them in one slot
and a change of several of them can be atomic. Text from outside (identities, transaction ids,
partner ids, token uids) is percent-encoded before it becomes part of a name: of the characters
left over, none separates (`:`, `/`), tags (`{`, `}`), matches (`*`) or ends a line, so no identity
can reach another one's key.
"""

from functools import lru_cache
from urllib.parse import quote, unquote

from gateway.domain.party import Party

PREFIX = "gw:"
SCHEMA = "gw:schema"
CHARGE_POINTS = "gw:charge-points"
PARTNERS = "gw:partners"
PARTIES = "gw:parties"
CERTIFICATE_AUTHORITY = "gw:certificates:authority"
ISSUED_CERTIFICATES = "gw:certificates:issued"
CERTIFICATE_EXPIRIES = "gw:certificates:expiries"
QUIRK_RULES = "gw:quirk-rules"
BUS_PATTERN = "gw:bus:*"
OWED_TOPIC = "owed"
LISTED_TOPIC = "listed-tokens"

# Field names inside a station's hash: ours are bare words, the callers' start with a colon.
EPOCH = "epoch"

_TOKENS = "gw:{tokens}:"


@lru_cache(maxsize=65_536)
def escape(text: str) -> str:
    """Percent-encode everything but letters, digits and `-._~`.

    Lone surrogates cannot come from UTF-8 input, but must not raise here if they ever do.
    """
    return quote(text, safe="", errors="surrogatepass")


def unescaped(text: str) -> str:
    """What `escape` was given."""
    return unquote(text, errors="surrogatepass")


def folded(text: str) -> str:
    """The form under which an OCPI CiString is compared (types, 1.1: case-insensitive)."""
    return text.lower()


def bus(topic: str) -> str:
    """The channel of a topic that all nodes hear."""
    return f"gw:bus:{topic}"


def node(node_id: str) -> str:
    """The channel that one node alone hears."""
    return f"gw:node:{escape(node_id)}"


def hub_clients(partner_id: str) -> str:
    """Hash: the ClientInfo objects of one hub, by party and role."""
    return f"gw:hub-clients:{escape(partner_id)}"


def token_pull(partner_id: str) -> str:
    """Hash: how the pulls of a partner's tokens stand."""
    return f"{_TOKENS}pull:{escape(partner_id)}"


def partner_objects(kind: str) -> str:
    """Hash: the objects of one kind that partners own, by owner and id."""
    return f"gw:{{{kind}}}:objects"


def partner_objects_order(kind: str, owner: str | None = None) -> str:
    """Sorted set: the fields of those objects by last update; of one owner, or all."""
    return f"gw:{{{kind}}}:order" + (f":{escape(owner)}" if owner is not None else "")


def partner_object_references(kind: str) -> str:
    """Hash: the field of the last object of an owner that has a reference."""
    return f"gw:{{{kind}}}:references"


def owned_field(owner: str, id: str) -> str:
    """The field of one object of a partner; ids are CiStrings."""
    return f"{escape(owner)}/{escape(folded(id))}"


def lease(name: str) -> str:
    """Who holds the lease of this name."""
    return f"gw:lease:{escape(name)}"


def ticket(digest: str) -> str:
    """What the bearer of a ticket may do, by the ticket's digest."""
    return f"gw:ticket:{digest}"


def ticket_claim(digest: str) -> str:
    """Held by whoever is using a ticket that counts once."""
    return f"gw:ticket-claim:{digest}"


def tokens_of_uid(uid: str) -> str:
    """Hash: every token with this uid, by owner and type."""
    return f"{_TOKENS}uid:{escape(folded(uid))}"


def tokens_of_partner(partner_id: str | None) -> str:
    """Set: where the tokens of one partner are; None is the operator."""
    if partner_id is None:
        return f"{_TOKENS}own"
    return f"{_TOKENS}partner:{escape(partner_id)}"


TOKENS_REVISION = f"{_TOKENS}revision"
"""Counter: grows whenever what belongs into local authorization lists has changed."""


def tokens_listed(own: bool) -> str:
    """Sorted set: uids that are, or were, for local lists, by the revision of their change."""
    return f"{_TOKENS}listed:own" if own else f"{_TOKENS}listed"


TOKEN_PARTNERS = f"{_TOKENS}partners"
"""Set: the partners that have tokens."""


def token_field(token_type: str, owner: Party | None) -> str:
    """The field of a token in the hash of its uid; owner None is the operator."""
    return f"{escape(token_type)}/{owner}" if owner else escape(token_type)


def delivery_standing(partner_id: str) -> str:
    """How the deliveries to a partner stand: its back-off, its last success and error."""
    return f"gw:delivery:{escape(partner_id)}"


def delivery_outcomes(partner_id: str) -> str:
    """Hash: how many pushes were tried and delivered, by hour."""
    return f"gw:delivery:{escape(partner_id)}:outcomes"


class PartyKeys:
    """The keys of one party; all within its slot."""

    def __init__(self, party: Party) -> None:
        self.prefix = f"gw:{{{party}}}:"
        prefix = self.prefix
        self.epochs = prefix + "epochs"
        self.nodes = prefix + "nodes"
        self.evses = prefix + "evses"
        self.transactions = prefix + "transactions"
        self.transactions_progress = prefix + "transactions:progress"
        self.transactions_order = prefix + "transactions:order"
        self.transaction_sites = prefix + "transactions:sites"
        self.transactions_by_session = prefix + "transactions:by-session"
        self.transactions_awaiting = prefix + "transactions:awaiting"
        self.transactions_held = prefix + "transactions:held"
        self.ordered_reservations = prefix + "reservations:ordered"
        self.reservations_due = prefix + "reservations:due"
        self.reservation_sites = prefix + "reservations:sites"
        self.charging_preferences = prefix + "charging-preferences"
        self.tariff_audiences = prefix + "tariff-audiences"
        self.owed_version = prefix + "owed-version"
        self.baseline = prefix + "baseline"

    def documents(self, kind: str) -> str:
        """Hash: documents of a kind (`sessions`, ...) by folded id."""
        return f"{self.prefix}{kind}"

    def documents_count(self, kind: str) -> str:
        """Counter: the last number given out in the order of creation."""
        return f"{self.prefix}{kind}:count"

    def documents_order(self, kind: str, partner_id: str | None = None) -> str:
        """Sorted set: folded ids by number of creation; all, or those one partner may see."""
        if partner_id is None:
            return f"{self.prefix}{kind}:order"
        return f"{self.prefix}{kind}:order:{escape(partner_id)}"

    def documents_withdrawn(self, kind: str, partner_id: str | None = None) -> str:
        """Sorted set: the numbers of what is no longer in `documents_order`."""
        if partner_id is None:
            return f"{self.prefix}{kind}:withdrawn"
        return f"{self.prefix}{kind}:withdrawn:{escape(partner_id)}"

    def documents_updated(self, kind: str) -> str:
        """Sorted set: folded ids by last_updated in milliseconds."""
        return f"{self.prefix}{kind}:updated"

    def station(self, identity: str) -> str:
        """Hash: a charge point's epoch, route and live state."""
        return f"{self.prefix}station:{escape(identity)}"

    def station_records(self, kind: str, identity: str) -> str:
        """Hash: a charge point's records of a kind (`operations`, `files`) by id."""
        return f"{self.prefix}{kind}:{escape(identity)}"

    def kept(self, identity: str, stream: str) -> str:
        """List: the last reports of a kind."""
        return f"{self.prefix}kept:{escape(identity)}:{escape(stream)}"

    def kept_streams(self, identity: str) -> str:
        """Set: the names of the streams that `kept` lists exist for."""
        return f"{self.prefix}kept:{escape(identity)}"

    def station_transactions(self, identity: str) -> str:
        """Sorted set: a charge point's transaction ids by start."""
        return f"{self.prefix}transactions:of:{escape(identity)}"

    def open_transactions(self, identity: str) -> str:
        """Sorted set: those that have not ended, by start."""
        return f"{self.prefix}transactions:open:{escape(identity)}"

    def starts(self, identity: str) -> str:
        """Hash: natural key of a start -> transaction id."""
        return f"{self.prefix}starts:{escape(identity)}"

    def orphans(self, identity: str) -> str:
        """Hash: stops that belong to no known transaction, by what makes two of them the same."""
        return f"{self.prefix}orphans:{escape(identity)}"

    def readings(self, identity: str, transaction_id: str) -> str:
        """List: what was said of a transaction: meter values and events."""
        return f"{self.prefix}readings:{escape(identity)}:{escape(transaction_id)}"

    def token_uses(self, token: str) -> str:
        """Sorted set: the running transactions of a token, by start."""
        return f"{self.prefix}token-uses:{escape(token)}"

    def remote_starts(self, identity: str) -> str:
        """Hash: promised starts, each with its expiry."""
        return f"{self.prefix}remote-starts:{escape(identity)}"

    def reservations(self, identity: str) -> str:
        """Hash: reservations by their number."""
        return f"{self.prefix}reservations:{escape(identity)}"

    def owed(self, partner_id: str) -> str:
        """Sorted set: objects that the partner has not got yet, by version."""
        return f"{self.prefix}owed:{escape(partner_id)}"

    def owed_since(self, partner_id: str) -> str:
        """Sorted set: the same objects by the time in milliseconds since when they are owed."""
        return f"{self.prefix}owed-since:{escape(partner_id)}"

    def parked(self, partner_id: str) -> str:
        """Hash: objects that wait for a party behind this hub, each with that party."""
        return f"{self.prefix}parked:{escape(partner_id)}"

    def known(self, partner_id: str) -> str:
        """Hash: object -> what the partner acknowledged of it."""
        return f"{self.prefix}known:{escape(partner_id)}"

    def refused(self, partner_id: str) -> str:
        """List: the last objects that the partner refused for good."""
        return f"{self.prefix}refused:{escape(partner_id)}"


def ordered_field(partner_id: str, sender: str, reservation_id: str) -> str:
    """The field of one partner's reservation; its id is a CiString, unique for its sender."""
    return f"{escape(partner_id)}/{escape(sender)}/{escape(folded(reservation_id))}"


def evse_field(location_id: str, evse_uid: str) -> str:
    """The field of one EVSE in the party's hash of EVSE states (both parts are CiStrings)."""
    return f"{escape(folded(location_id))}/{escape(folded(evse_uid))}"


def transaction_field(identity: str, transaction_id: str) -> str:
    """The field of one transaction in the party's hash of transactions."""
    return f"{escape(identity)}/{escape(transaction_id)}"


def transaction_of(field: str) -> tuple[str, str]:
    """Identity and transaction id of such a field."""
    identity, _, transaction_id = field.partition("/")
    return unescaped(identity), unescaped(transaction_id)


def state_field(name: str) -> str:
    """The field of a caller's piece of state in a station's hash."""
    return f":{name}"
