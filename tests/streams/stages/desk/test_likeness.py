from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.stages.desk.likeness import NEUTRAL, likeness, read, words

USUAL = words("请尽快处理 暴露生活垃圾 门口 旁边 附近 Exposed household waste")

TEXTS = st.text(st.sampled_from("红旗超市门口三十二号楼8附近的垃圾，。 no12abcSTREET路/-"), max_size=40)


def alike(one, other):
    return likeness(one, other, USUAL)


# What says nothing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", ""),
        ("", "红星路87号门口一堆黑色垃圾袋"),
        ("请尽快处理", "请尽快处理"),
        ("有暴露生活垃圾", "暴露生活垃圾，请尽快处理"),
        ("红星路", "红星路"),
        ("Exposed household waste", "exposed household waste"),
        ("on Main Street", "in Main Street"),
    ],
)
def test_texts_of_what_anybody_says_are_neutral(one, other):
    assert alike(one, other) == NEUTRAL


@given(TEXTS, TEXTS)
def test_likeness_is_symmetric_and_between_0_and_1(one, other):
    assert alike(one, other) == alike(other, one)
    assert 0.0 <= alike(one, other) <= 1.0


@given(TEXTS)
def test_a_text_never_speaks_against_itself(text):
    assert alike(text, text) >= NEUTRAL


# What people put in other words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("有张旧沙发丢在绿化带", "一张烂沙发没人要"),
        ("水已经漫到台阶", "淹到台阶上了"),
        ("黄色大狗没有拴绳", "大黄狗不牵绳"),
        ("the manhole cover is broken and rattles", "Cover broken, it rattled all night"),
        ("an old sofa by the trees", "somebody left a SOFA here"),
    ],
)
def test_a_shared_detail_speaks_for_one_matter_whatever_the_words_around_it(one, other):
    assert alike(one, other) > 0.7


def test_each_further_detail_adds_less():
    shared = [alike("沙发", "沙发"), alike("沙发纸箱", "沙发，纸箱"), alike("沙发纸箱泡沫", "沙发，纸箱，泡沫")]
    assert NEUTRAL < shared[0] < shared[1] < shared[2] <= 1.0
    assert shared[1] - shared[0] > shared[2] - shared[1]


def test_long_texts_with_nothing_in_common_speak_against_and_short_ones_do_not():
    assert alike("旧沙发", "梧桐叶") == NEUTRAL
    assert alike("一堆黑色塑料袋和旧沙发", "梧桐叶铺满整片草坪") < NEUTRAL
    one = "the streetlamp opposite my window flickers whenever rain begins again tonight"
    other = "dead pigeons smell terribly beneath several benches around noon every single weekday"
    assert alike(one, other) < NEUTRAL


def test_what_a_long_text_shares_by_chance_is_no_evidence():
    long = "".join(chr(0x5000 + number) for number in range(60))
    other = "".join(chr(0x6000 + number) for number in range(60))
    assert alike(long + "，沙发", other + "，沙发") < alike("沙发", "沙发")


# Numbers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("红星路87号门口", "红星路八十七号"),
        ("3号楼", "三栋旁边"),
        ("12-16号之间", "14号、16号"),
        ("３单元", "3单元"),
        ("红星路87号", "No. 87 in Hongxing Road"),
        ("87 Main Street", "in front of number 87"),
        ("flat 5, block 3", "Building 3"),
        ("一百零五号", "105号"),
        ("一二〇号", "120号"),
        ("二十号", "20号"),
        ("gate 2", "2号门"),
    ],
)
def test_the_same_number_of_a_place_however_written_says_it_is_one_matter(one, other):
    assert likeness(one, other) >= 0.9


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("红星路87号门口垃圾", "红星路91号门口垃圾"),
        ("3号楼2单元", "3号楼5单元"),
        ("No. 87, rubbish", "no 91, rubbish"),
        ("12 Main Street", "40 Main Street"),
        ("三楼漏水", "五楼漏水"),
    ],
)
def test_another_number_speaks_against_as_much_as_the_same_one_speaks_for(one, other):
    same = likeness(one, one)
    assert likeness(one, other) <= same - 0.35
    assert likeness("红星路87号", "红星路91号") == 0.0


def test_a_number_nearby_leaves_room_and_one_far_off_does_not():
    assert likeness("87号附近", "91号") == likeness("91号", "87号附近") == NEUTRAL
    assert likeness("near no 87", "no 91") == NEUTRAL
    assert likeness("87号附近", "187号") == 0.0


def test_numbers_of_different_kinds_do_not_contradict():
    assert likeness("87号", "3单元") == NEUTRAL


def test_a_gate_is_no_house_and_a_doorway_is_no_gate():
    assert read("3号门").numbers == {"gate": {3}}
    assert read("3号门口").numbers == {"number": {3}}


# Names


@pytest.mark.parametrize(
    ("one", "other"),
    [("红旗超市门口", "永辉超市门口"), ("德源水果店旁边", "王婆水果店旁边"), ("the Lion pub", "the Crown pub")],
)
def test_another_shop_of_the_same_kind_speaks_against(one, other):
    assert alike(one, other) < NEUTRAL
    assert alike(one, one) > 0.85


def test_what_stands_before_a_place_without_a_name_is_none():
    assert alike("附近超市", "旁边超市") > NEUTRAL


# Robustness


def test_endless_digits_and_endless_texts_are_read_in_part():
    assert likeness("9" * 5000 + "号", "红星路") == NEUTRAL
    assert read("七" * 500 + "号").numbers == read("").numbers
    assert read("号" * 100_000 + "沙发").words == read("号" * 400).words


def test_codes_count_whole_and_plain_numbers_do_not():
    assert words("CAM-7721 约12平方米 3 bins") == words("cam-7721平方米 bins 约")
