#!/usr/bin/env python3
"""Videos are examined when they come in: real ones, made here by ffmpeg; damaged ones; and where ffprobe is missing, hangs or lies.

The ones that need FFmpeg's programs are left out, loudly, where those are not installed (package ffmpeg)."""
import json
import os
import subprocess
import threading
import time

import pictures
import smmqtest
from smmqtest import SLOW, check, daemon, eq, need, skip, until

# What is known of what make() writes.
WIDTH, HEIGHT, FRAMES, HZ, CHANNELS, DURATION_MS = 320, 240, 29970, 44100, 2, 2000
# The first bytes of an MP4, and nothing that FFmpeg could use behind them.
HOLLOW = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0\0\0\x10free" + bytes(8)
VIDEO_KEYS = {"duration_ms", "frame_milli", "bit_rate", "video_codec", "audio_codec", "audio_channels", "audio_hz", "probed"}


def need_ffmpeg():
    need("ffmpeg", "ffprobe")
    encoders = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True).stdout
    for name in ("libx264", "aac", "libvpx", "libopus"):
        if " %s " % name not in encoders:
            skip("the ffmpeg that is installed has no encoder %s" % name)


def ffmpeg(d, name, *args):
    """The file that ffmpeg writes with these arguments: its path."""
    path = os.path.join(d.dir, name)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *args, path], check=True, timeout=120 * SLOW)
    return path


def make(d, name, *args):
    """Two seconds of a test picture and a tone, in H.264 and AAC unless told otherwise."""
    return ffmpeg(d, name, "-f", "lavfi", "-i", "testsrc=size=%dx%d:rate=30000/1001:duration=2" % (WIDTH, HEIGHT),
                  "-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=%d" % HZ, "-ac", str(CHANNELS), *(args or ("-c:v", "libx264", "-c:a", "aac")))


def put(d, path):
    with open(path, "rb") as f:
        data = f.read()
    wire = d.wire()
    a = wire.put(os.path.basename(path), data)
    wire.close()
    check(a is not None and a.ok, "PUT of %s:" % path, a)
    eq(a.body["size"], len(data), "size")
    return a.body


def near(have, want, what):
    check(abs(have - want) <= 100, "%s: have %r, want about" % (what, have), want)


def examined(body, mime, video, audio, width=WIDTH, height=HEIGHT, hz=HZ):
    eq((body["mime"], body["video_codec"], body["audio_codec"]), (mime, video, audio), "kind and codecs")
    eq((body["probed"], "unknown" in body), (True, False), "probed")
    eq((body["width"], body["height"], body["frame_milli"]), (width, height, FRAMES), "picture")
    eq((body["audio_channels"], body["audio_hz"]), (CHANNELS, hz), "sound")
    near(body["duration_ms"], DURATION_MS, "duration")
    eq(body["bit_rate"], body["size"] * 8000 // body["duration_ms"], "bit rate")


def test_videos_are_examined():
    need_ffmpeg()
    d = daemon(brand=True).start()
    mp4 = make(d, "a.mp4")
    examined(put(d, mp4), "video/mp4", "h264", "aac")
    examined(put(d, ffmpeg(d, "a.mov", "-i", mp4, "-c", "copy")), "video/quicktime", "h264", "aac")
    examined(put(d, ffmpeg(d, "turned.mp4", "-i", mp4, "-c", "copy", "-metadata:s:v", "rotate=90")), "video/mp4", "h264", "aac", HEIGHT, WIDTH)
    examined(put(d, make(d, "a.webm", "-c:v", "libvpx", "-c:a", "libopus")), "video/webm", "vp8", "opus", hz=48000)
    silent = put(d, ffmpeg(d, "silent.mp4", "-i", mp4, "-an", "-c", "copy"))
    eq((silent["probed"], silent["audio_codec"], silent["audio_channels"]), (True, None, 0), "a video without sound")
    sound = put(d, ffmpeg(d, "a.m4a", "-i", mp4, "-vn", "-c", "copy"))
    eq((sound["mime"], sound["probed"], sound["video_codec"], sound["width"]), ("audio/mp4", True, None, 0), "sound alone")


def test_what_was_found_goes_with_the_post():
    need_ffmpeg()
    d = daemon(brand=True).start()
    mp4 = make(d, "a.mp4")
    rc, ident, err = d.client("add", "-a", "brand", "--now", "-m", mp4, "-j", "moving")
    eq(rc, 0, "add")
    post = json.loads(ident)
    eq(post["targets"][0]["warnings"], [], "warnings")
    shown = d.show(post["id"])["parts"][0]["media"][0]
    examined(shown, "video/mp4", "h264", "aac")
    d.wait_state("%d.1" % post["id"], "published")
    with open(os.path.join(d.outbox, "brand", "%d.1.json" % post["id"])) as f:
        written = json.load(f)["parts"][0]["media"][0]
    eq({k: written[k] for k in VIDEO_KEYS - {"probed"}}, {k: shown[k] for k in VIDEO_KEYS - {"probed"}}, "the file in the outbox")
    text = d.run("show", post["id"])
    check(" 320x240 %d.%03ds h264 aac " % divmod(shown["duration_ms"], 1000) in text, "for people:", text)
    # Over a restart, too: it is in the store.
    d.restart()
    eq(d.show(post["id"])["parts"][0]["media"][0], shown, "after a restart")


def test_what_a_file_does_not_say():
    need_ffmpeg()
    d = daemon(brand=True).start()
    mp4 = make(d, "a.mp4")
    stream = put(d, ffmpeg(d, "stream.mp4", "-i", mp4, "-c", "copy", "-movflags", "frag_keyframe+empty_moov"))
    eq((stream["probed"], stream["video_codec"], stream["width"], stream["duration_ms"]), (False, "h264", WIDTH, 0), "a stream")
    check("how long" in stream["unknown"], "the reason:", stream["unknown"])
    with open(mp4, "rb") as f:
        data = f.read()
    cut = os.path.join(d.dir, "cut.mp4")
    # The index stands at the end, and is gone; then in pieces of it, and over all of the file, bytes that are not as they were.
    for name, damaged in (("cut", data[:-2000]), ("index", data[:-900] + bytes(300) + data[-600:]), ("hollow", HOLLOW),
                          ("bits", data[:64] + bytes(b ^ 0x11 for b in data[64:]))):
        with open(cut, "wb") as f:
            f.write(damaged)
        body = put(d, cut)
        eq((body["mime"], body["probed"]), ("video/mp4", False), name)
        check(body["unknown"], "no reason", name)
    rc, out, err = d.client("add", "-a", "brand", "--now", "-m", cut, "text")
    eq(rc, 0, "a damaged video for an outbox")
    check("cut.mp4" in err and "cannot read it" in err, "the warning:", err)
    check(d.alive(), "the daemon ended")


def test_without_ffprobe():
    d = daemon(brand=True)
    d.start(env={"PATH": d.dir})
    path = os.path.join(d.dir, "clip.mp4")
    with open(path, "wb") as f:
        f.write(HOLLOW)
    body = put(d, path)
    eq(set(body), {"id", "name", "size", "mime", "width", "height", "unknown"} | VIDEO_KEYS, "keys of the answer")
    eq((body["mime"], body["probed"], body["duration_ms"], body["video_codec"]), ("video/mp4", False, 0, None), "of the video")
    check("not installed" in body["unknown"], "the reason:", body["unknown"])
    rc, out, err = d.client("add", "-a", "brand", "--at", "+1h", "-m", path, "moving")
    eq(rc, 0, "add")
    check("warning" in err and "clip.mp4" in err and "ffprobe is not installed" in err, "the warning:", err)
    eq(d.show(out.strip())["parts"][0]["media"][0]["probed"], False, "probed, in show")
    check("not installed" in d.run("show", out.strip()), "the reason, for people")
    picture = d.wire().put("a.png", pictures.png()).body
    eq(set(picture), {"id", "name", "size", "mime", "width", "height"}, "keys of a picture")
    rc, out, err = d.client("add", "-a", "brand", "--at", "+1h", "still")
    check("warning" not in err, "a warning for a post without video:", err)


def fake(d, script):
    """A program that is found in ffprobe's place."""
    path = os.path.join(d.dir, "bin")
    os.makedirs(path, exist_ok=True)
    with open(os.open(os.path.join(path, "ffprobe"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), "w") as f:
        f.write("#!/bin/sh\n" + script + "\n")
    return {"PATH": path + ":" + os.environ.get("PATH", "/usr/bin:/bin")}


def waiting_put(d, data=HOLLOW):
    """A PUT on its way, in a thread: what came of it is the list's element."""
    answers = []
    wire = d.wire()

    def run():
        try:
            answers.append(wire.put("clip.mp4", data))
        except OSError:
            answers.append(None)
    threading.Thread(target=run, daemon=True).start()
    return answers


def test_one_that_hangs():
    """Everything else goes on meanwhile, and it does not hang for ever."""
    d = daemon(brand=True)
    begun = os.path.join(d.dir, "begun")
    d.start(env=fake(d, "mkdir %s\nexec sleep 600" % begun))
    answers = waiting_put(d)
    until(lambda: os.path.isdir(begun), "it begins")
    eq((d.status()["queued"], answers), (0, []), "an answer while it hangs")
    d.wait_state("%s.1" % d.add("brand", "meanwhile", "--now"), "published")
    until(lambda: answers, "an answer in the end", 30)
    check(answers[0].body["probed"] is False and "longer than" in answers[0].body["unknown"], "the answer:", answers[0])
    os.rmdir(begun)
    waiting_put(d)
    until(lambda: os.path.isdir(begun), "it begins again")
    d.stop()


def test_it_is_gone_after_a_stop():
    d = daemon(brand=True)
    pids = os.path.join(d.dir, "pids")
    os.mkdir(pids)
    d.start(env=fake(d, "mkdir %s/$$\nexec sleep 600" % pids))
    waiting_put(d)
    pid = int(until(lambda: os.listdir(pids), "it begins")[0])
    d.stop()

    def gone():
        try:
            with open("/proc/%d/stat" % pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True
    until(gone, "the program is gone")


def test_nothing_of_the_daemon_is_in_its_reach():
    """No environment but PATH, no descriptor of the store, of a socket or of the log."""
    d = daemon(brand=True)
    script = """say() { printf '{"error":{"string":"%s"}}' "$*"; exit; }
set -- $(ls /proc/self/fd); [ "$*" = "0 1 2 3" ] || say "descriptors $*"
[ -z "$SMMQ_LOG$CREDENTIALS_DIRECTORY$HOME" ] || say environment
say all is well"""
    d.start(env={**fake(d, script), "CREDENTIALS_DIRECTORY": d.dir})
    path = os.path.join(d.dir, "clip.mp4")
    with open(path, "wb") as f:
        f.write(HOLLOW)
    eq(put(d, path)["unknown"], "ffprobe cannot read it: all is well", "what it finds")


def test_many_at_once():
    d = daemon(brand=True)
    d.start(env=fake(d, """sleep 0.05; echo '{"streams":[{"codec_type":"video","codec_name":"h264","width":4,"height":3,"avg_frame_rate":"25/1"}],"""
                        """"format":{"duration":"1.000000"}}'"""))
    all_answers = [waiting_put(d, HOLLOW + b"%d" % i) for i in range(20)]
    until(lambda: all(all_answers), "all answers", 60)
    for answers in all_answers:
        eq((answers[0].body["probed"], answers[0].body["width"], answers[0].body["duration_ms"]), (True, 4, 1000), "each")
    # Some go away before it has ended.
    for i in range(10):
        w = d.wire()
        w.send("PUT gone.mp4 %d" % len(HOLLOW))
        w.sock.sendall(HOLLOW)
        w.close()
    time.sleep(0.1)
    eq(d.wire().put("a.mp4", HOLLOW).body["probed"], True, "after those")


if __name__ == "__main__":
    smmqtest.main(globals())
