"""What is kept of rendered objects is never wrong, and never too much."""

from gateway.ocpi.pushes.rendered import RenderedObjects, fingerprint


def test_an_object_is_rendered_once_while_its_source_is_the_same() -> None:
    rendered, calls = RenderedObjects(), []

    def render() -> dict[str, int]:
        calls.append(1)
        return {"count": len(calls)}

    first = rendered.text("a", [b"source"], render)
    again = rendered.text("a", [b"source"], render)
    other = rendered.text("a", [b"other"], render)

    assert (bytes(first), bytes(again), bytes(other)) == (
        b'{"count":1}',
        b'{"count":1}',
        b'{"count":2}',
    )


def test_where_one_piece_ends_and_the_next_begins_counts() -> None:
    assert fingerprint([b"ab", b"c"]) != fingerprint([b"a", b"bc"])
    assert fingerprint([b"ab", b""]) != fingerprint([b"ab"])


def test_what_was_used_longest_ago_goes_first() -> None:
    rendered = RenderedObjects(max_bytes=3 * 400)
    for name in ("a", "b", "c"):
        rendered.text(name, [b"1"], lambda: "x" * 90)
    rendered.text("a", [b"1"], lambda: "never")
    rendered.text("d", [b"1"], lambda: "x" * 90)

    assert bytes(rendered.text("a", [b"1"], lambda: "anew")) != b'"anew"'
    assert bytes(rendered.text("b", [b"1"], lambda: "anew")) == b'"anew"'


def test_the_size_is_bounded_in_bytes_whatever_comes() -> None:
    rendered = RenderedObjects(max_bytes=10_000)
    for number in range(1_000):
        rendered.text(number % 300, [str(number).encode()], lambda: "x" * (number % 700))  # noqa: B023
        assert rendered.bytes <= 10_000

    assert 0 < len(rendered) < 40


def test_an_object_that_is_larger_than_all_there_is_comes_all_the_same() -> None:
    rendered = RenderedObjects(max_bytes=10)

    assert len(bytes(rendered.text("a", [b"1"], lambda: "x" * 100))) == 102
    assert (len(rendered), rendered.bytes) == (0, 0)
