"""PDF files made by hand, as programs make them: a font of its own glyph numbers, and a picture of a page."""

import zlib
from collections.abc import Mapping, Sequence


def written(lines: Sequence[str], looks_like: Mapping[str, str] | None = None) -> bytes:
    """``lines`` in an embedded CID font whose glyph numbers mean nothing without its ToUnicode map.

    ``looks_like``: what the map says for a character instead of itself.
    """
    glyphs = {character: number for number, character in enumerate(dict.fromkeys("".join(lines)), 1)}
    shown = "\n".join(
        f"BT /F1 12 Tf 50 {780 - 20 * row} Td <{''.join(f'{glyphs[one]:04X}' for one in line)}> Tj ET"
        for row, line in enumerate(lines)
    )
    mapped = "\n".join(
        f"<{number:04X}> <{(looks_like or {}).get(one, one).encode('utf-16-be').hex().upper()}>"
        for one, number in glyphs.items()
    )
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(glyphs)} beginbfchar\n{mapped}\nendbfchar\nendcmap end end"
    )
    return _file(
        "<< /Font << /F1 5 0 R >> >>",
        _stream(shown.encode()),
        "<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Song /Encoding /Identity-H "
        "/DescendantFonts [6 0 R] /ToUnicode 8 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Song /DW 1000 /FontDescriptor 7 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity >>",
        "<< /Type /FontDescriptor /FontName /AAAAAA+Song /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 "
        "/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
        _stream(to_unicode.encode()),
    )


def scanned() -> bytes:
    """A page that is one grey picture."""
    picture = zlib.compress(bytes(range(64)) * 64)
    head = "/Type /XObject /Subtype /Image /Width 64 /Height 64 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
    return _file(
        "<< /XObject << /Im1 5 0 R >> >>",
        _stream(b"q 595 0 0 842 0 0 cm /Im1 Do Q"),
        _stream(picture, head),
    )


def _stream(data: bytes, head: str = "") -> bytes:
    return f"<< {head} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _file(resources: str, *others: str | bytes) -> bytes:
    """One page: its content is object 4, the first of ``others``."""
    objects: list[str | bytes] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {resources} /Contents 4 0 R >>",
        *others,
    ]
    out, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        body = one if isinstance(one, bytes) else one.encode()
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}".encode()
