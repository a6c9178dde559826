"""A brand file is checked before anything is written, and its mark stands on the page without opening a door."""

import base64
import io
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sohoaudit import report
from sohoaudit.cli import app
from sohoaudit.knowledge import shipped
from sohoaudit.report.content.brand import Brand, BrandError, contrast, read, svg_fault
from tests.report.offices import FORWARDED

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><style>.a{fill:#123}</style><path class="a" d="M0 0"/></svg>'
SCRIPTED = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
WHOLE = """\
name: Sato Network Care
logo: logo.png
colour: "#1a4fa3"
contact: [Telephone 03-1234-5678, "https://care.example/help", "<b>bold</b> & co"]
footer: For this client alone.
"""


def png(width: int = 2, height: int = 2) -> bytes:
    """A real picture, black."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = zlib.compress(b"".join(b"\0" * (width * 3 + 1) for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def brand_file(folder: Path, text: str, logo: bytes | None = None) -> Path:
    file = folder / "brand.yaml"
    file.write_text(text)
    if logo is not None:
        (folder / "logo.png").write_bytes(logo)
    return file


def page(brand: Brand) -> str:
    stream = io.BytesIO()
    report.write(FORWARDED, "html", "en", stream, brand)
    return stream.getvalue().decode()


def test_name_logo_colour_contact_and_footer_stand_on_the_page(tmp_path: Path) -> None:
    text = page(read(brand_file(tmp_path, WHOLE, png())))
    logo = base64.b64encode(png()).decode()
    assert f'<img src="data:image/png;base64,{logo}" alt="Sato Network Care">' in text
    assert ":root { --brand: #1a4fa3; }" in text
    assert "Telephone 03-1234-5678" in text and '<a href="https://care.example/help"' in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in text and "<b>bold" not in text
    assert "<footer><p>For this client alone.</p>" in text


def test_the_policy_names_the_style_with_its_colour(tmp_path: Path) -> None:
    import hashlib

    text = page(read(brand_file(tmp_path, WHOLE, png())))
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style and "--brand: #1a4fa3" in style[1]
    assert f"sha256-{base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()}" in text


def test_a_name_alone_is_a_brand_and_stands_as_text(tmp_path: Path) -> None:
    brand = read(brand_file(tmp_path, "name: 佐藤ネットワーク\n"))
    assert brand == Brand("佐藤ネットワーク")
    assert '<p class="brand-name">佐藤ネットワーク</p>' in page(brand)


def test_what_programs_read_carries_no_brand(tmp_path: Path) -> None:
    brand = read(brand_file(tmp_path, "name: Sato Care\n"))
    for format in ("json", "jsonl", "csv", "sarif", "ocsf", "defectdojo"):
        plain, branded = io.BytesIO(), io.BytesIO()
        report.write(FORWARDED, format, "en", plain)
        report.write(FORWARDED, format, "en", branded, brand)
        assert plain.getvalue() == branded.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "brand.yaml:1: the file is empty"),
        ("just words\n", "brand.yaml:1: write 'name: …'"),
        ("name: A\ncolor: '#000000'\n", "brand.yaml:2: 'color' is not a field of a brand: did you mean 'colour'?"),
        ("logo: logo.png\n", "brand.yaml:1: 'name' must be a text"),
        ("name: [a]\n", "brand.yaml:1: 'name' must be a text"),
        (f"name: {'x' * 81}\n", "'name' has 81 characters: at most 80 fit"),
        ("name: A\nlogo: nowhere.png\n", "brand.yaml:2: the logo"),
        ("name: A\nlogo: {a: b}\n", "brand.yaml:2: 'logo' must be a file's name or a data URI"),
        ("name: A\nlogo: data:text/html;base64,PGI+\n", "brand.yaml:2: 'logo' must begin with data:image/png"),
        ("name: A\nlogo: data:image/png;base64,AAA\n", "the logo's base64 is broken"),
        ("name: A\nlogo: data:image/png;base64,AAAA\n", "the logo is no PNG, JPEG or SVG"),
        ("name: A\ncolour: red\n", "brand.yaml:2: 'colour' must be written as in"),
        ("name: A\ncolour: '#ffcc00'\n", "#ffcc00 has a contrast of 1.4 on white, 4.5 can be read: use #"),
        ("name: A\ncontact: {phone: 1}\n", "brand.yaml:2: 'contact' must be a text, or a list of at most six"),
        ("name: A\nfooter: ''\n", "brand.yaml:2: 'footer' must be a text"),
        ("name: &a A\nfooter: *a\n", "brand.yaml:"),
    ],
)  # fmt: skip
def test_a_faulty_brand_file_is_told_with_its_line_and_a_remedy(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BrandError) as fault:
        read(brand_file(tmp_path, text))
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


def test_the_shade_that_is_offered_instead_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(BrandError) as fault:
        read(brand_file(tmp_path, "name: A\ncolour: '#ffcc00'\n"))
    offered = str(fault.value)[-7:]
    assert read(brand_file(tmp_path, f"name: A\ncolour: '{offered}'\n")).colour == offered


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_has_a_shade_that_can_be_read_on_the_dark_page(value: int) -> None:
    from sohoaudit.report.content.brand import DARK, _lightened

    assert all(contrast(_lightened(f"#{value:06x}"), ground) >= 4.5 for ground in DARK)


def test_contrast_is_what_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_a_plain_svg_is_a_logo(tmp_path: Path) -> None:
    assert read(brand_file(tmp_path, "name: A\nlogo: logo.png\n", SVG)).logo.startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (SCRIPTED, "holds <script>"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "holds a script (onload)"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><a href="javascript:x()"/></svg>', "holds <a>"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><foreignObject/></svg>', "holds <foreignObject>"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><set attributeName="href" to="x"/></svg>', "holds <set>"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="x"/></svg>', "holds <image>"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"><use x:href="https://a/#b"/>'
         b"</svg>", "links to something outside itself"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><style>@import "x";</style></svg>', "fetches something"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><path fill="url(https://a/b)"/></svg>', "fetches something (fill)"),
        (b'<?xml-stylesheet href="x"?><svg xmlns="http://www.w3.org/2000/svg"/>', "holds a processing instruction"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>', "is not an SVG that"),
        (b'<html xmlns="http://www.w3.org/1999/xhtml"><svg/></html>', "is not an SVG"),
        (b"<svg", "is not an SVG that can be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_svg_that_could_do_more_than_be_seen_is_refused(raw: bytes, said: str, tmp_path: Path) -> None:
    assert said in (svg_fault(raw) or "")
    with pytest.raises(BrandError, match="the logo"):
        read(brand_file(tmp_path, "name: A\nlogo: logo.png\n", raw))


@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_a_logo_or_a_fault_in_one_line(raw: bytes) -> None:
    uri = base64.b64encode(raw).decode()
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            assert read(brand_file(Path(folder), f'name: A\nlogo: "data:image/png;base64,{uri}"\n')).logo
        except BrandError as fault:
            assert "\n" not in str(fault)


def test_a_logo_of_more_than_200_kb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrandError, match="the logo has 200,001 bytes: make it smaller than 200,000"):
        read(brand_file(tmp_path, "name: A\nlogo: logo.png\n", png() + b"\0" * 400_000))


@pytest.mark.parametrize("command", [["report", "audit.json"], ["scan", "192.0.2.1", "--authorized", "me"], ["demo"]])
def test_each_command_refuses_a_bad_brand_before_it_does_anything(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report.save(replace(FORWARDED), ["json"], "en", tmp_path / "audit.json")
    brand = brand_file(tmp_path, "name: A\nlogo: logo.png\n", SCRIPTED)
    result = CliRunner().invoke(app, [*command, "--brand", str(brand), "--output", str(tmp_path / "out.html")])
    assert isinstance(result.exception, BrandError) or result.exit_code == 2
    assert not (tmp_path / "out.html").exists()


def test_the_shipped_example_is_a_brand() -> None:
    brand = read(Path(str(shipped("reports") / "brand.example.yaml")))
    assert brand.name == "Example Network Care" and brand.contact[1].startswith("https://")
