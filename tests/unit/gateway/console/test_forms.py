"""What a browser sends: two of the same are told from two of the same name."""

from io import BytesIO

from starlette.datastructures import UploadFile

from gateway.console.forms import Sent


def _sent(content: bytes, title: str = "one") -> Sent:
    return Sent({"title": [title]}, {"picture": UploadFile(BytesIO(content), filename="breakfast.bmp")})


def test_a_digest_is_of_what_a_file_holds_not_of_its_name_and_size() -> None:
    first = _sent(b"bread")
    assert first.digest == _sent(b"bread").digest
    assert first.digest != _sent(b"honey").digest
    assert first.digest != _sent(b"bread", "two").digest
    assert first.files["picture"].file.read() == b"bread", "whoever comes next reads it from the beginning"
