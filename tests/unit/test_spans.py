import unicodedata
from fractions import Fraction

import pytest

from maple import spans

# (prediction, gold answer, exact match, F1), worked out by hand.
CASES = {
    "en": [
        ("the Denver Broncos", "Denver Broncos", 1, 1),
        ("A cat, the end!", "cat (end)", 1, 1),
        ("DENVER broncos", "Denver Broncos", 1, 1),
        ("  Denver\n\tBroncos ", "Denver Broncos", 1, 1),
        ("U.S.A.", "USA", 1, 1),
        ("$5", "5", 1, 1),
        ("theatre an", "theatre", 1, 1),
        ("Denver", "Denver Broncos", 0, Fraction(2, 3)),
        ("Broncos Denver", "Denver Broncos", 0, 1),
        ("the cat sat on the mat", "a cat on a mat", 0, Fraction(6, 7)),
        ("to be or not to be", "to be", 0, Fraction(4, 8)),
        ("to to to", "to be to", 0, Fraction(4, 6)),
        ("twenty-one", "twenty one", 0, 0),
        ("Seattle", "Denver", 0, 0),
        ("", "Denver", 0, 0),
        ("the", "a", 1, 0),
        ("€5", "5", 0, 0),
        ("“Denver”", "Denver", 1, 1),
    ],
    "es": [
        ("La Paz", "paz", 1, 1),
        ("¿unos días?", "los días", 1, 1),
        ("el río de la Plata", "río Plata", 0, Fraction(4, 5)),
    ],
    "de": [
        ("das Haus", "Haus", 1, 1),
        ("Einer der Hunde", "dem Hunde", 1, 1),
        ("„Haus“", "ein Haus", 1, 1),
        ("ein Haus am See", "das Haus am Fluss", 0, Fraction(4, 6)),
        ("the Haus", "Haus", 0, Fraction(2, 3)),
        ("Straße", "STRASSE", 0, 0),
    ],
    "ar": [
        ("الكتاب", "كتاب", 1, 1),
        ("القاهرة، مصر؟", "القاهرة مصر", 1, 1),
        ("في القاهرة", "القاهرة", 0, Fraction(2, 3)),
        ("والكتاب", "الكتاب", 0, Fraction(2, 3)),
    ],
    "hi": [
        ("दिल्ली।", "दिल्ली", 1, 1),
        ("राम का घर॥", "राम का घर", 1, 1),
        ("नई दिल्ली", "दिल्ली।", 0, Fraction(2, 3)),
        ("a राम", "राम", 0, Fraction(2, 3)),
    ],
    "vi": [
        ("những con mèo", "con mèo", 1, 1),
        ("thủ đô của Việt Nam", "thủ đô Việt Nam", 1, 1),
        ("Cái bàn.", "chiếc bàn", 1, 1),
        ("là Hà Nội", "thành phố Hà Nội", 0, Fraction(4, 6)),
        ("làng", "là làng", 1, 1),
    ],
    "zh": [
        ("北京。", "北京", 1, 1),
        ("《红楼梦》，曹雪芹", "红楼梦 曹雪芹", 1, 1),
        ("北京市", "北京", 0, Fraction(4, 5)),
        ("在IBM公司", "ibm公司", 0, Fraction(6, 7)),
        ("2008年", "2009年", 0, Fraction(2, 4)),
        ("ＩＢＭ", "IBM", 0, 0),
    ],
    "th": [
        ("กรุง เทพ", "กรุงเทพ", 1, 1),
        ("“กรุงเทพ”๚", "กรุงเทพ", 1, 1),
        ("กรุงเทพมหานคร", "กรุงเทพ", 0, Fraction(14, 20)),
        ("ปี 2553", "2553", 0, Fraction(8, 10)),
    ],
    "el": [("«Αθήνα»", "ΑΘΉΝΑ", 1, 1), ("η Αθήνα", "Αθήνα", 0, Fraction(2, 3))],
    "ro": [("„Iași”", "iași", 1, 1), ("un oraș", "oraș", 0, Fraction(2, 3))],
    "ru": [("«Москва»", "москва", 1, 1), ("город Москва", "Москва", 0, Fraction(2, 3))],
    "tr": [("Ankara'da", "ankarada", 1, 1), ("bir ev", "ev", 0, Fraction(2, 3))],
    "xx": [("The end.", "the END", 1, 1), ("the end", "end", 0, Fraction(2, 3))],
}


@pytest.mark.parametrize(
    ("language", "prediction", "answer", "exact", "f1"),
    [(language, *case) for language, cases in CASES.items() for case in cases],
)
def test_by_hand(language, prediction, answer, exact, f1):
    assert spans.exact(prediction, answer, language) == exact
    assert spans.f1(prediction, answer, language) == spans.f1(answer, prediction, language) == float(f1)


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("de", "Das Derby der Stadt", ["derby", "stadt"]),
        ("ar", "العالم", ["ع", "م"]),
        ("ar", "قال", ["ق"]),
        ("hi", "हिन्दी, भाषा।", ["हिन्दी", "भाषा"]),
        ("vi", unicodedata.normalize("NFD", "là Huế"), ["la\u0300", "hue\u0302\u0301"]),
        ("zh", "Windows XP是（操作）系统", ["windows", "xp", "是", "操", "作", "系", "统"]),
        ("zh", "㐀㐁 北", ["㐀㐁", "北"]),
        ("zh-Hant", "臺北市", ["臺", "北", "市"]),
        ("th", "ที่ A4", ["ท", "ี", "่", "a", "4"]),
    ],
)
def test_tokens(language, text, tokens):
    assert spans.tokens(text, language) == tokens


@pytest.mark.parametrize(
    ("language", "longer", "shorter"), [("zh", "北京市", "北京"), ("th", "กรุงเทพมหานคร", "กรุงเทพ")]
)
def test_whitespace_tokens_would_give_no_partial_credit(language, longer, shorter):
    assert spans.tokens(longer, "en") == [longer] and spans.f1(longer, shorter, "en") == 0
    assert spans.tokens(longer, language) == list(longer)
    assert spans.f1(longer, shorter, language) == 2 * len(shorter) / (len(longer) + len(shorter))


def test_each_measure_takes_its_best_gold():
    answers = ["cat sat", "dog", "a big cat sat"]
    assert spans.best(spans.exact, "the cat", answers, "en") == 0
    assert spans.best(spans.f1, "the cat", answers, "en") == 2 / 3
    assert spans.best(spans.exact, "dog", answers, "en") == spans.best(spans.f1, "dog", answers, "en") == 1
    with pytest.raises(ValueError):
        spans.best(spans.f1, "cat", [], "en")
