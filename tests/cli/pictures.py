"""pictures.py: small valid image files."""
import base64
import os
import struct
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width=8, height=6, color=(200, 30, 60), random=False):
    """Random pixels do not compress: the way to a file of a wanted size, about 3 bytes a pixel."""
    row = b"\0" + bytes(color) * width
    rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height)) if random else row * height
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            _chunk(b"IDAT", zlib.compress(rows, 0 if random else 9)) + _chunk(b"IEND", b""))


# 16 x 12 pixels
JPEG = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4
x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAM
ABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABAX/xAAZEAACAwEAAAAAAAAAAAAAAAAAAwIEUWH/xAAVAQEBAAAAAAAAAAAAAAAAAA
ABA//EABgRAAIDAAAAAAAAAAAAAAAAAAAEAQID/9oADAMBAAIRAxEAPwCQmjwcmjwpJTDByUwwNGJJptWP/9k=
""")
