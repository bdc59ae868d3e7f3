"""Under which names a customer signs reviews."""

from services.reputation.store.erasing import author_names


def test_a_login_and_a_card_sign_with_and_without_their_kind_and_others_with_it() -> None:
    assert author_names("login:anna") == ("author:reviews/login:anna", "author:reviews/anna")
    assert author_names("card:1") == ("author:reviews/card:1", "author:reviews/1")
    assert author_names("phone:+8613917654321") == ("author:reviews/phone:+8613917654321",)
