"""A dated chronicle read: zones, clocks that are put forward and back, days alone, who caused what, and tables gone wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from katchi.errors import Malformed, Refused
from katchi.formats import timeline
from katchi.formats.timeline import read

HAWAII = Path(__file__).resolve().parents[4] / "shared" / "samples" / "timelines" / "2018-01-13_hawaii_false_alert.csv"
HEADER = "t_local,tz,t_utc,kind,from,to,statement,source\n"


def chronicle(*rows: str, header: str = HEADER, file: str = "c.csv"):
    return read((header + "\n".join(rows) + "\n").encode(), file)


def remarks(found):
    return {(remark.place, str(remark.what.template.format(**remark.what.parameters))) for remark in found.remarks}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_times_in_several_zones_are_put_on_one_clock():
    found = chronicle(
        "2026-03-02 09:00,Asia/Seoul,2026-03-02T00:00Z,notify,azure,birch,asks,log",
        "2026-03-01 19:30,America/New_York,2026-03-02T00:30Z,reply,birch,azure,answers,log",
        "2026-03-02 06:15,+05:30,2026-03-02T00:45Z,notify,cedar,azure,hears,log",
        "2026-03-02 01:00,UTC,2026-03-02T01:00Z,notify,azure,cedar,thanks,log",
    )
    assert [row.earliest for row in found.rows] == [at(f"2026-03-02 0{t}") for t in ("0:00", "0:30", "0:45", "1:00")]
    assert all(row.earliest == row.latest for row in found.rows) and not found.remarks
    assert [row.cause for row in found.rows] == [None, 0, None, 2]
    assert found.parties == ("azure", "birch", "cedar") and found.start == at("2026-03-02 00:00")


def test_the_hour_that_comes_twice_is_the_first_unless_t_utc_says_which():
    found = chronicle(
        "2026-11-01 01:30,America/New_York,2026-11-01T05:30Z,notify,azure,birch,first,log",
        "2026-11-01 01:30,America/New_York,2026-11-01T06:30Z,notify,azure,birch,second,log",
        "2026-11-01 01:45,America/New_York,,notify,azure,birch,either,log",
    )
    assert {row.statement: row.earliest for row in found.rows} == {
        "first": at("2026-11-01 05:30"), "second": at("2026-11-01 06:30"), "either": at("2026-11-01 05:45")
    }  # fmt: skip
    (place, said), *rest = sorted(one for one in remarks(found) if "twice" in one[1])
    assert place == "c.csv:4" and "came twice in America/New_York" in said and not rest


def test_an_hour_that_never_came_is_taken_from_t_utc_or_refused():
    found = chronicle("2026-03-08 02:30,America/New_York,2026-03-08T07:30Z,notify,azure,birch,asks,log")
    assert found.rows[0].earliest == at("2026-03-08 07:30")
    assert any(place == "c.csv:2" and "t_utc is taken" in said for place, said in remarks(found))
    with pytest.raises(Malformed, match=r"c\.csv:2: 2026-03-08 02:30:00 never came in America/New_York") as refused:
        chronicle("2026-03-08 02:30,America/New_York,,notify,azure,birch,asks,log")
    assert "t_utc" in refused.value.hint


def test_t_utc_that_is_missing_or_disagrees_is_remarked_on_and_the_local_clock_stands():
    found = chronicle(
        "2026-03-02 09:00,Asia/Seoul,,notify,azure,birch,asks,log",
        "2026-03-02 09:10,Asia/Seoul,2026-03-02T09:10Z,reply,birch,azure,answers,log",
    )
    assert [row.earliest for row in found.rows] == [at("2026-03-02 00:00"), at("2026-03-02 00:10")]
    assert remarks(found) == {
        ("c.csv:2", "t_utc is missing: t_local in Asia/Seoul is 2026-03-02T00:00:00Z"),
        ("c.csv:3", "t_utc says 2026-03-02T09:10:00Z, but t_local in Asia/Seoul is 2026-03-02T00:10:00Z: that is taken"),
    }


def test_a_table_without_t_utc_is_remarked_on_once():
    found = chronicle(
        "2026-03-02 09:00,Asia/Seoul,notify,azure,birch,asks", "2026-03-02 09:01,Asia/Seoul,notify,azure,birch,asks",
        header="t_local,tz,kind,from,to,statement\n",
    )  # fmt: skip
    assert [place for place, _ in remarks(found)] == ["c.csv:1"] and len(found.rows) == 2
    assert found.rows[0].source == ""


@pytest.mark.parametrize(("day", "hours"), [("2026-03-02", 24), ("2026-03-08", 23), ("2026-11-01", 25)])
def test_a_day_alone_is_as_long_as_it_is_in_its_zone(day, hours):
    (row,) = chronicle(f"{day},America/New_York,,notify,azure,birch,asks,log").rows
    assert row.is_dated_only and row.latest - row.earliest == timedelta(hours=hours)


def test_a_day_alone_is_narrowed_by_a_t_utc_of_that_day_and_by_no_other():
    found = chronicle(
        "2026-03-02,Asia/Seoul,2026-03-02T03:00Z,notify,azure,birch,noon,log",
        "2026-03-02,Asia/Seoul,2026-03-05T03:00Z,notify,azure,birch,other day,log",
        "2026-03-02,Asia/Seoul,2026-03-02,notify,azure,birch,day,log",
    )
    by = {row.statement: row for row in found.rows}
    assert by["noon"].earliest == by["noon"].latest == at("2026-03-02 03:00")
    assert by["other day"].is_dated_only and by["day"].is_dated_only
    assert ("c.csv:3", "t_utc is not on the day of t_local: that day is taken") in remarks(found)


def test_rows_out_of_order_are_put_in_order_and_said_to_be():
    found = chronicle(
        "2026-03-02 10:00,UTC,2026-03-02T10:00Z,notify,azure,birch,second,log",
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,cedar,azure,first,log",
        "2026-03-02,UTC,,notify,birch,cedar,some time,log",
    )
    assert [row.statement for row in found.rows] == ["first", "second", "some time"]
    assert [row.cause for row in found.rows] == [None, 0, 1]
    assert ("c.csv:3", "this was earlier than the row before it: rows are put in order of time") in remarks(found)


def test_what_was_missed_caused_nothing_and_what_was_refused_did():
    found = chronicle(
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,asks,log",
        "2026-03-02 09:05,UTC,2026-03-02T09:05Z,call_unanswered,azure,birch,rings,log",
        "2026-03-02 09:20,UTC,2026-03-02T09:20Z,consultation_refused,birch,azure,not now,log",
        "2026-03-02 09:30,UTC,2026-03-02T09:30Z,협의_거부,birch,azure,다시 거부,log",
        "2026-03-02 09:40,UTC,2026-03-02T09:40Z,notify,azure,cedar,tells,log",
    )
    assert [row.cause for row in found.rows] == [None, None, 0, 0, 3]
    assert [row.was_missed for row in found.rows] == [False, True, False, False, False]
    assert [row.was_refused for row in found.rows] == [False, False, True, True, False]


def test_a_shorter_or_longer_name_is_taken_for_one_that_was_told_if_only_one_fits():
    found = chronicle(
        "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,watch,Gen. Ash Rowan (deputy),asks,log",
        "2026-03-02 09:05,UTC,2026-03-02T09:05Z,notify,Rowan,cedar post; birch post,tells,log",
        "2026-03-02 09:06,UTC,2026-03-02T09:06Z,notify,BIRCH  Post,azure,exact but for case,log",
        "2026-03-02 09:07,UTC,2026-03-02T09:07Z,notify,post,azure,either,log",
        "2026-03-02 09:08,UTC,2026-03-02T09:08Z,notify,Ash Rowan's aide,azure,longer,log",
    )
    assert [row.cause for row in found.rows] == [None, 0, 1, None, None]
    assert remarks(found) == {("c.csv:3", "'Rowan' is taken to be 'Gen. Ash Rowan (deputy)' of line 2")}


def test_quoted_line_ends_byte_order_marks_and_carriage_returns_do_no_harm():
    text = HEADER + (
        '2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,"two\nlines, and ""quotes""",log\n\n , , ,,,,,\n'
        "2026-03-02 09:01,Mars/Olympus,,notify,azure,birch,asks,log\n"
    )
    for source in (text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()):
        with pytest.raises(Malformed, match=r"c\.csv:6: 'Mars/Olympus' is no time zone"):
            read(source, "c.csv")
        found = read(source.replace(b"Mars/Olympus", b"UTC"), "c.csv")
        assert [row.line for row in found.rows] == [2, 6]
        assert found.rows[0].statement.split() == ["two", "lines,", "and", '"quotes"']


def test_korean_is_kept_in_normal_form():
    import unicodedata

    name = "외교부"
    (row,) = chronicle(
        f"2026-03-02 09:00,Asia/Seoul,2026-03-02T00:00Z,통보,{unicodedata.normalize('NFD', name)},birch,말,log"
    ).rows
    assert row.sender == name


def test_what_begins_as_a_formula_does_is_kept_as_text_and_said_to_be():
    found = chronicle('2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,"=HYPERLINK(""x"")",- none')
    assert found.rows[0].statement == '=HYPERLINK("x")'
    assert remarks(found) == {("c.csv:2", "statement begins as a formula does: it is kept as text")}


GOOD = "2026-03-02 09:00,UTC,2026-03-02T09:00Z,notify,azure,birch,asks,log"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "c.csv:1: the file is empty"),
        ("\n\n", "c.csv:1: the file is empty"),
        (HEADER, "c.csv:1: there is no row"),
        ("\n\nt_local;tz;kind;from;to;statement\n", "c.csv:3: there is no column t_local, kind, from, to, statement"),
        ("t_local,tz,kind,from,statement\n", "c.csv:1: there is no column to"),
        (HEADER.replace("source", "KIND") + GOOD, "c.csv:1: the column kind is there twice"),
        (HEADER + GOOD + "\n2026-03-02 09:00,UTC,,notify\n", "c.csv:3: this row has 4 cells"),
        (HEADER + GOOD.replace("09:00,", "9 o'clock,", 1), "c.csv:2: '2026-03-02 9 o'clock' is no time"),
        (HEADER + GOOD.replace("2026-03-02 09:00,", "2026-02-30 09:00,", 1), "c.csv:2: '2026-02-30 09:00' is no time"),
        (HEADER + GOOD.replace("2026-03-02 09:00,", "2026-03-02 25:00,", 1), "c.csv:2: '2026-03-02 25:00' is no time"),
        (HEADER + GOOD.replace("2026-03-02 09:00,", "=A1+1,", 1), "c.csv:2: '=A1+1' is no time"),
        (HEADER + GOOD.replace("T09:00Z", "T9h", 1), "c.csv:2: '2026-03-02T9h' is no time"),
        (HEADER + GOOD.replace("UTC", "../../etc/passwd"), "c.csv:2: '../../etc/passwd' is no time zone"),
        (HEADER + GOOD.replace("UTC", "America"), "c.csv:2: 'America' is no time zone"),
        (HEADER + GOOD.replace(",UTC,2026-03-02T09:00Z", ",,"), "c.csv:2: nobody says of which zone this time is"),
        (HEADER + GOOD.replace("2026-03-02 09:00,UTC,2026-03-02T09:00Z", ",,"), "c.csv:2: there is no time"),
        (HEADER + GOOD + '\n2026-03-02 09:00,UTC,,notify,azure,birch,"asks,log\n', "c.csv:3: the quotes of this row do not fit"),
        (
            HEADER + GOOD + '\n2026-03-02 09:00,UTC,,notify,azure,birch,"asks" x,log\n',
            "c.csv:3: the quotes of this row do not fit",
        ),
        (HEADER + GOOD + "\n\0", "c.csv:3: this is no text"),
        (HEADER + GOOD.replace("asks", "x" * 20_000), "c.csv:2: a cell has 20000 letters"),
        (HEADER + GOOD.replace("asks", "x" * 200_000), "c.csv:2: the quotes of this row do not fit"),
    ],
)
def test_a_table_gone_wrong_is_refused_with_its_line_and_a_fix(text, says):
    with pytest.raises(Malformed) as refused:
        read(text.encode(), "c.csv")
    assert str(refused.value).startswith(says) and refused.value.hint


def test_bytes_that_are_no_text_and_files_too_large_are_refused():
    with pytest.raises(Malformed, match=r"c\.csv:2: this is no UTF-8 text"):
        read(HEADER.encode() + "협의".encode("euc-kr"), "c.csv")
    with pytest.raises(Refused, match="bytes, more than"):
        read(b" " * (timeline.BYTES_MAX + 1), "c.csv")
    with pytest.raises(Refused, match=f"{timeline.ROWS_MAX + 1} rows, more than"):
        chronicle(*[GOOD] * (timeline.ROWS_MAX + 1))


def test_the_chronicle_of_a_false_alert_has_its_rows_and_its_causes():
    if not HAWAII.exists():
        pytest.skip(f"no third-party sample at {HAWAII}")
    found = read(HAWAII.read_bytes(), HAWAII.name)
    times = {row.kind: row.earliest for row in found.rows}
    assert times["correction_official"] - times["alert_false"] == timedelta(minutes=38)
    assert len(found.rows) == 11 and not any(row.is_dated_only for row in found.rows)
    told_by = {row.statement[:9]: found.rows[row.cause].sender for row in found.rows if row.cause is not None}
    assert told_by["governor "] == "warning centre" and told_by["retweets "] == "Logan"
    assert [place.rpartition(":")[2] for place, _ in sorted(remarks(found))] == ["10", "5", "6", "9"]
