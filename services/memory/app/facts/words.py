"""The words of a person's text that are worth looking for. Pure."""

from novakit.words import MOST_WORDS, WORD

# Words that nearly every sentence has would find every fact. English and German, the languages of "remember that".
_COMMON_WORDS = (
    "a about after all also am an and any are as at be because been before but by can could did do does "
    "for from get had has have he her here him his how i if in into is it its just know like made make "
    "many may me might more most much my no not now of on one only or other our out over please remember "
    "said say see she should so some such tell than that the their them then there these they thing this "
    "those to too up us use very want was way we well were what when where which who whom whose why will "
    "with would you your "
    "aber alle als also am an auch auf aus bei bin bis bist bitte da damit dann das dass dein deine dem "
    "den der des dich die dies diese dieser dir doch du durch ein eine einem einen einer eines er es euch "
    "euer für gibt hab habe haben hast hat hatte ich ihm ihn ihr im in ist ja kann kannst könnte man mein "
    "meine meinem meinen meiner merke mich mir mit nach nicht noch nur ob oder ohne sag sage sehr sein "
    "seine sich sie sind so soll über um und uns unser unter vom von vor war waren warum was weil welche "
    "welcher wem wen wenn wer werden wie wieso will wir wird wo wurde zu zum zur "
)
_COMMON = frozenset(_COMMON_WORDS.split())


def telling_words_of(text: str) -> tuple[str, ...]:
    """Its different words without those that nearly every sentence has; these do not count towards the limit."""
    found: dict[str, str] = {}
    for word in WORD.finditer(text):
        key = word[0].lower()
        if key not in _COMMON:
            found.setdefault(key, word[0])
            if len(found) == MOST_WORDS:
                break
    return tuple(found.values())
