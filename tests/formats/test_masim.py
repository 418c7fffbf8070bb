from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.errors import InputError
from autotune.experiment.pattern import Access, AccessMode, Pattern, PatternRegion, Phase
from autotune.formats import masim
from autotune.testing import pattern

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.cfg"))

EVERYTHING = """\
# regions: everything that the format has
L1$ cache, 32768, none
 heap of it , 10737418240, /tmp/data.bin
#small,1
small,1
# the paragraph goes on after this comment

# phase 1
  1 GiB, in turns
# milliseconds
100
# accesses
L1$ cache, 0, 64,1
 heap of it , 1, 0 , 99, ro
small, 7,4096, 0, rw

nothing at all
0
small, 0, 64, 0, wo
"""


def ascending(count: int, size_bytes: int, first_ms: int) -> Pattern:
    """Regions that are touched together first, then one after the other."""
    return Pattern(
        regions=tuple(
            PatternRegion(name=f"s{index}", size_bytes=size_bytes) for index in range(count)
        ),
        phases=(
            Phase(
                name="initial phase",
                duration_us=first_ms * 1000,
                accesses=tuple(sweep(index, weight=1) for index in range(count)),
            ),
            *(
                Phase(
                    name=f"phase {index}",
                    duration_us=first_ms * 500,
                    accesses=(sweep(index, weight=50),),
                )
                for index in range(count)
            ),
        ),
    )


def sweep(region: int, weight: int) -> Access:
    return Access(region=region, random=False, stride_bytes=4096, weight=weight)


def read(text: str) -> tuple[Pattern, list[str]]:
    warnings: list[str] = []
    return masim.loads(text, "my.cfg", warnings.append), warnings


def test_everything_that_the_format_has_is_read_without_a_warning() -> None:
    result, warnings = read(EVERYTHING)

    assert warnings == []
    assert result == Pattern(
        regions=(
            PatternRegion(name="L1$ cache", size_bytes=32768),
            PatternRegion(
                name=" heap of it ",
                size_bytes=10 * 2**30,
                data_file="/tmp/data.bin",  # noqa: S108
            ),
            PatternRegion(name="small", size_bytes=1),
        ),
        phases=(
            Phase(
                name="  1 GiB, in turns",
                duration_us=100_000,
                accesses=(
                    Access(region=0, random=False, stride_bytes=64, weight=1),
                    Access(region=1, random=True, stride_bytes=0, weight=99, mode=AccessMode.READ),
                    Access(
                        region=2,
                        random=True,
                        stride_bytes=4096,
                        weight=0,
                        mode=AccessMode.READ_WRITE,
                    ),
                ),
            ),
            Phase(
                name="nothing at all",
                duration_us=0,
                accesses=(Access(region=2, random=False, stride_bytes=64, weight=0),),
            ),
        ),
    )


def test_a_mode_that_is_not_given_is_writing() -> None:
    given_mode, _ = read("a, 64\n\nwork\n1\na, 0, 64, 1, wo\n")
    default, _ = read("a, 64\n\nwork\n1\na, 0, 64, 1\n")

    assert default == given_mode


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a, 64\n\nwork\n1\na, 0, 64, 1",
            "my.cfg:5: no line end: masim loses this line, add one",
        ),
        (
            "a, 64\n \t\nwork\n1\na, 0, 64, 1\n",
            "my.cfg:2: blanks in an empty line: masim refuses them, remove them",
        ),
        (
            "a, 64 \n\nwork\n1\na, 0, 64, 1\n",
            "my.cfg:1: blanks at the end of the line: they are ignored",
        ),
        (
            "a, 64\n\nwork\n1\t\na, 0, 64, 1\n",
            "my.cfg:4: blanks at the end of the line: they are ignored",
        ),
        (
            "a, 64\n\nwork\n1\na, 0, 64, 1 \n",
            "my.cfg:5: blanks at the end of the line: they are ignored",
        ),
        (
            "a, 64\n\nwork\n1\na, 0, 64, 1, wo as ever\n",
            "my.cfg:5: 'as ever' after the mode is ignored",
        ),
        (
            "a, 64 #128 # was\n\nwork\n1\na, 0, 64, 1\n",
            "my.cfg:1: size is 64: '#128 # was' behind it is ignored, as masim does",
        ),
        (
            "a, 64\n\nwork\n1 ms\na, 0, 64, 1\n",
            "my.cfg:4: duration is 1: 'ms' behind it is ignored, as masim does",
        ),
        (
            "a, 64\n\nwork\n1\na, 0, 64, 1; hot\n",
            "my.cfg:5: probability is 1: '; hot' behind it is ignored, as masim does",
        ),
        (
            "a, 64\na, 128\n\nwork\n1\na, 0, 64, 1\n",
            "my.cfg:2: second region 'a': masim never uses it, left out",
        ),
        (
            "a, 64\n\nwork\n1\na, 0, 0, 1\n",
            "my.cfg:5: stride 0 does not move: as in masim, all accesses are to the region's first "
            "byte",
        ),
        (
            "a, 64\n\nwork\n1\na, 0, -8, 1\n",
            "my.cfg:5: stride -8 does not move: as in masim, all accesses are to the region's first "
            "byte",
        ),
    ],
)
def test_what_is_plain_but_not_to_masim_is_read_with_a_warning(text: str, message: str) -> None:
    result, warnings = read(text)

    assert result == read("a, 64\n\nwork\n1\na, 0, 64, 1\n")[0]
    assert warnings == [message]


@pytest.mark.parametrize("end", ["# the end", "#", "  ", ""])
def test_nothing_is_lost_where_a_comment_or_blanks_have_no_line_end(end: str) -> None:
    result, warnings = read("a, 64\n\nwork\n1\na, 0, 64, 1\n" + end)

    assert len(result.phases) == 1
    assert warnings == []


@pytest.mark.parametrize("size", ["10 MB", "10MB", "10 KiB", "1.5", "10bytes", "0x1000"])
def test_a_size_that_masim_would_misread_is_an_error(size: str) -> None:
    with pytest.raises(InputError, match=f"^my.cfg:1: size '{size}' is not a whole number: "):
        read(f"a, {size}\n\nwork\n1\na, 0, 64, 1\n")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_told_by_its_content(path: Path) -> None:
    assert masim.is_masim(path.read_text())


@pytest.mark.parametrize(
    "text",
    ["", "1,024 max 0 0 1s max stat\n", "a, 64\n", "a, 64\n\nwork\n", "min_age=1\n\na\n1\n"],
)
def test_any_other_text_is_no_configuration(text: str) -> None:
    assert not masim.is_masim(text)


def test_a_phase_keeps_the_blanks_of_its_name() -> None:
    result, _ = read("a, 64\n\n two words \n1\na, 0, 64, 1\n")

    assert result.phases[0].name == " two words "


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            "\ufeffa, 64\n\nwork\n1\na, 0, 64, 1\n",
            "byte order mark: masim refuses it, save the file as UTF-8 without one",
        ),
        (
            "a, 64\r\n\r\nwork\r\n1\r\na, 0, 64, 1\r\n",
            "carriage returns: masim refuses them, save the file with Unix line ends",
        ),
    ],
)
def test_a_file_of_another_system_is_read_with_a_warning(
    content: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "my.cfg"
    path.write_bytes(content.encode())
    warnings: list[str] = []

    assert masim.load(path, warnings.append) == read("a, 64\n\nwork\n1\na, 0, 64, 1\n")[0]
    assert warnings == [f"{path}: {what}"]
    assert masim.is_masim(content)


def test_a_region_of_0_bytes_has_the_byte_that_masim_accesses() -> None:
    result, warnings = read("a, 0\n\nwork\n1\na, 0, 64, 1\n")

    assert result.regions[0].size_bytes == 1
    assert warnings == [
        "my.cfg:1: region 'a' of 0 bytes: it has 1 byte here, which masim accesses"
    ]


@pytest.mark.parametrize(
    ("probabilities", "weights"),
    [((-5, 100), [0, 95]), ((-5, 3, 97), [0, 0, 95]), ((3, 0), [3, 0])],
)
def test_a_negative_probability_changes_the_chances_as_in_masim(
    probabilities: tuple[int, ...], weights: list[int]
) -> None:
    accesses = "".join(f"a, 0, 64, {probability}\n" for probability in probabilities)

    result, warnings = read(f"a, 64\n\nwork\n1\n{accesses}")

    assert [access.weight for access in result.phases[0].accesses] == weights
    assert len(warnings) == (min(probabilities) < 0)


@pytest.mark.parametrize("probabilities", [(-1,), (5, -5), (100, -50, 100)])
def test_a_negative_probability_with_which_masim_draws_no_single_access_is_an_error(
    probabilities: tuple[int, ...],
) -> None:
    accesses = "".join(f"a, 0, 64, {probability}\n" for probability in probabilities)

    with pytest.raises(InputError, match="is negative, and masim draws no single access with it"):
        read(f"a, 64\n\nwork\n1\n{accesses}")


def test_a_long_region_name_does_not_overflow() -> None:
    fits, too_long = "x" * 255, "é" * 128

    read(f"{fits}, 64\n\nwork\n1\n{fits}, 0, 64, 1\n")
    with pytest.raises(InputError) as error:
        read(f"{too_long}, 64\n\nwork\n1\n{too_long}, 0, 64, 1\n")

    assert str(error.value) == f"my.cfg:1: region name '{too_long}' has 256 bytes: masim takes 255"


def test_leading_zeros_are_no_reason_to_refuse_a_number() -> None:
    result, _ = read(f"a, {'0' * 5000}64\n\nwork\n1\na, -0, 64, +1\n")

    assert result.regions[0].size_bytes == 64
    assert not result.phases[0].accesses[0].random


def test_a_negative_randomness_is_random_as_in_c() -> None:
    result, _ = read("a, 64\n\nwork\n1\na, -1, 64, 1\n")

    assert result.phases[0].accesses[0].random


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        masim.load(tmp_path / "no.cfg")

    assert str(error.value) == f"{tmp_path}/no.cfg: no such file: check the path"


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "my.cfg"
    path.write_bytes(b"\xff\xfe, 64\n")

    with pytest.raises(InputError) as error:
        masim.load(path)

    assert str(error.value) == f"{path}:1: byte 0xff is not UTF-8: save the file as UTF-8"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_reads_without_a_warning(path: Path) -> None:
    warnings: list[str] = []

    masim.load(path, warnings.append)

    assert warnings == []


def test_stairs_are_ten_regions_used_in_turn() -> None:
    assert masim.load(ROOT / "examples" / "stairs.cfg") == ascending(10, 10_000_000, 10_000)


def test_zigzag_is_two_regions_used_by_turns() -> None:
    result = masim.load(ROOT / "examples" / "zigzag.cfg")

    assert {region.size_bytes for region in result.regions} == {100_000_000}
    assert sum(phase.duration_us for phase in result.phases) == 70_000_000
    assert result.phases[0].accesses == (sweep(0, weight=1), sweep(1, weight=1))
    assert [phase.accesses for phase in result.phases[1:]] == [
        (sweep(0, weight=50),),
        (sweep(1, weight=50),),
    ] * 6


LETTERS = st.characters(codec="utf-8", exclude_characters="\r\n\0")
REGION_NAMES = (
    st.text(LETTERS, min_size=1, max_size=60)
    .map(lambda name: name.replace(",", ";"))
    .filter(lambda name: name[0] not in "#\ufeff")
)
PHASE_NAMES = st.text(LETTERS, min_size=1).filter(
    lambda name: name.strip(" \t") and name[0] != "#"
)
DATA_FILES = st.none() | st.text("abc./-_$#é", min_size=1)
COUNTS = st.integers(0, masim.INT_MAX)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """Every pattern that masim can be told of."""
    names = draw(st.lists(REGION_NAMES, min_size=1, max_size=4, unique=True))
    accesses = st.builds(
        Access,
        region=st.integers(0, len(names) - 1),
        random=st.booleans(),
        stride_bytes=st.integers(1, masim.INT_MAX),
        weight=COUNTS,
        mode=st.sampled_from(AccessMode),
    )
    phases = st.builds(
        Phase,
        name=PHASE_NAMES,
        duration_us=COUNTS.map(lambda duration_ms: duration_ms * 1000),
        accesses=st.lists(accesses, min_size=1, max_size=4).map(tuple),
    )
    return Pattern(
        regions=tuple(
            PatternRegion(
                name=name,
                size_bytes=draw(st.integers(1, masim.SIZE_MAX)),
                data_file=draw(DATA_FILES),
            )
            for name in names
        ),
        phases=tuple(draw(st.lists(phases, min_size=1, max_size=4))),
    )


@given(patterns())
def test_what_is_written_reads_back_the_same_without_a_warning(original: Pattern) -> None:
    assert read(masim.dumps(original)) == (original, [])


def test_what_is_written_says_the_mode_since_masim_may_be_told_another_default() -> None:
    assert masim.dumps(pattern(regions=1, size_bytes=64)) == (
        "r0, 64\n\nsweep r0\n1000\nr0, 0, 4096, 1, wo\n"
    )


def with_region(**fields: object) -> Pattern:
    valid = pattern(regions=1)
    region = PatternRegion(**{"name": "r0", "size_bytes": 64, **fields})  # type: ignore[arg-type]
    return Pattern(regions=(region,), phases=valid.phases)


def with_phase(**fields: object) -> Pattern:
    valid = pattern(regions=1)
    sound = {"name": "p", "duration_us": 1000, "accesses": (sweep(0, weight=1),)}
    return Pattern(
        regions=valid.regions,
        phases=(Phase(**{**sound, **fields}),),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("original", "message"),
    [
        (
            with_region(name="a,b"),
            "region name 'a,b': it must have a character, no comma or line end, and no # first",
        ),
        (
            with_region(name="#a"),
            "region name '#a': it must have a character, no comma or line end, and no # first",
        ),
        (
            with_region(size_bytes=2**63),
            "region 'r0': size 9223372036854775808 is too large: masim reads up to "
            "9223372036854775807",
        ),
        (
            with_region(data_file="none"),
            "data file 'none' means no file to masim: write ./none",
        ),
        (
            with_region(data_file="my data"),
            "data file 'my data': it must be one word; write none if there is none",
        ),
        (
            with_phase(name="a\nb"),
            "phase name 'a\\nb': it must have more than blanks, no line end, and no # first",
        ),
        (
            with_phase(name=" "),
            "phase name ' ': it must have more than blanks, no line end, and no # first",
        ),
        (
            with_phase(duration_us=1500),
            "phase 'p': duration 1500us is not a whole number of milliseconds: masim counts those",
        ),
        (
            with_phase(duration_us=2**31 * 1000),
            "phase 'p': duration in ms 2147483648 is too large: masim reads up to 2147483647",
        ),
        (
            with_phase(accesses=(sweep(0, weight=2**31),)),
            "phase 'p': probability 2147483648 is too large: masim reads up to 2147483647",
        ),
    ],
)
def test_what_the_format_cannot_say_is_refused(original: Pattern, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        masim.dumps(original)
