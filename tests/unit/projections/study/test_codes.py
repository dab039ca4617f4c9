import hashlib

from projections.study.codes import code_digest, new_code


def test_codes_differ_and_hold_no_character_that_looks_like_another() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(len(code) == 16 and not set(code) & set("ILOU") for code in codes)


def test_a_code_is_stored_as_the_sha_256_of_what_was_printed() -> None:
    code = new_code()
    assert code_digest(code) == hashlib.sha256(code.encode()).digest()


def test_a_code_may_be_typed_as_people_type() -> None:
    assert code_digest(" 4f7k-oqzm 93xt-hbil") == code_digest("4F7K0QZM93XTHB11")
