"""pictures.py: small valid image files, and a film where ffmpeg is installed."""
import base64
import os
import shutil
import struct
import subprocess
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


def can_film():
    """Whether films can be made here, and looked into by the daemon."""
    return shutil.which("ffmpeg") and shutil.which("ffprobe") and b" libx264 " in subprocess.run(
        ["ffmpeg", "-hide_banner", "-encoders"], capture_output=True).stdout


def film(path):
    """Four seconds, upright, with sound: what every platform takes."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc=size=540x960:rate=30:duration=4", "-f", "lavfi",
                    "-i", "sine=frequency=440:sample_rate=48000:duration=4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
                    "-c:a", "aac", "-movflags", "+faststart", path], check=True, timeout=120)
    return path
