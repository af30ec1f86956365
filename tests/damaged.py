"""Damaged files: bytes at random, and good files cut off, changed here and there, or with a part missing or doubled."""

from hypothesis import strategies as st


@st.composite
def damaged(draw, good):
    """A strategy for damaged versions of good files, given as bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    content = bytearray(draw(st.sampled_from(good)))
    place = st.integers(0, len(content) - 1)
    match draw(st.integers(0, 4)):
        case 0:
            return bytes(content[: draw(place)])
        case 1:
            first, last = sorted((draw(place), draw(place)))
            return bytes(content[:first] + content[last:])
        case 2:
            first, last = sorted((draw(place), draw(place)))
            return bytes(content[:last] + content[first:])
        case _:
            for where, value in draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=8)):
                content[where] = value
            return bytes(content)
