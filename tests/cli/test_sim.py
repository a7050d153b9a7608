#!/usr/bin/env python3
"""The rules that the platforms' simulator keeps to (tests/cli/sim), asked of it directly: what it would let pass, no test of the daemon
would notice. The Mastodon part and the proxy have theirs in test_tools.py."""
import base64
import http.client
import json
import os
import tempfile
import urllib.parse
import uuid

import pictures
import smmqtest
from servers import SIM, Platform, shown
from smmqtest import check, close_later, eq

MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(100)


class Caller:
    """Calls of one account; (status, parsed body), the headers in last."""

    def __init__(self, name, **headers):
        self.sim, self.headers, self.last = Platform(name, "T"), {"Authorization": "Bearer T", **headers}, {}

    def __call__(self, method, path, body=None, form=None, parts=None, raw=None, **headers):
        headers = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = raw
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if form is not None:
            data, headers["Content-Type"] = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        if parts is not None:
            data, headers["Content-Type"] = multipart(parts)
        c = http.client.HTTPConnection("127.0.0.1", self.sim.port, timeout=30)
        try:
            c.request(method, path, data, {k: v for k, v in headers.items() if v is not None})
            r = c.getresponse()
            text = r.read()
            self.last = {k.lower(): v for k, v in r.getheaders()}
            return r.status, json.loads(text) if text else {}
        finally:
            c.close()


def multipart(parts):
    boundary = uuid.uuid4().hex
    out = b""
    for name, value in parts.items():
        value = value if isinstance(value, bytes) else str(value).encode()
        file = b'; filename="f"\r\nContent-Type: application/octet-stream' if name in ("media", "file", "source", "video_file_chunk") else b""
        out += b"--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n" % (boundary.encode(), name.encode(), file, value)
    return out + b"--%s--\r\n" % boundary.encode(), "multipart/form-data; boundary=" + boundary


def refused(answer, status, *words):
    eq(answer[0], status, "status of %s" % (answer[1],))
    for word in words:
        check(word in json.dumps(answer[1]), "%r in" % word, answer[1])


def test_x_posts():
    x = Caller("x")
    status, body = x("POST", "/2/tweets", {"text": "Hello"})
    eq((status, x.last["x-rate-limit-remaining"]), (201, "99"), "a post")
    refused(x("POST", "/2/tweets", {"text": "Hello"}), 403, "duplicate content")
    refused(x("POST", "/2/tweets", {"text": "a", "unknown": 1}), 400, "invalid-request")
    refused(x("POST", "/2/tweets", {"text": "日" * 141}), 403, "not permitted")
    eq(x("POST", "/2/tweets", {"text": "日" * 140})[0], 201, "280 by weight")
    eq(x("POST", "/2/tweets", {"text": "https://a.example/" + "x" * 400 + " " + "y" * 256})[0], 201, "a link weighs 23")
    refused(x("POST", "/2/tweets", {"text": "r", "reply": {"in_reply_to_tweet_id": "1"}}), 404, "resource-not-found")
    refused(x("POST", "/2/tweets", {"text": "p", "poll": {"options": ["a"], "duration_minutes": 5}}), 400)
    eq(x("POST", "/2/tweets", {"text": "reply", "reply": {"in_reply_to_tweet_id": body["data"]["id"]}})[0], 201, "a reply to one's own")
    seen = x("GET", "/2/users/700001/tweets?max_results=5&tweet.fields=created_at")[1]["data"]
    eq([p.get("referenced_tweets", [{}])[0].get("id") for p in seen[:1]], [body["data"]["id"]], "the newest first, with its parent")
    check("https://t.co/" in seen[1]["text"] and "entities" in seen[1], "links come back shortened:", seen[1]["text"])
    x.sim.set(post_limit=2)
    refused(x("POST", "/2/tweets", {"text": "too many"}), 429)
    eq(x.last["x-rate-limit-remaining"], "0")


def test_x_chunks():
    x = Caller("x")
    start = x("POST", "/2/media/upload/initialize", {"media_type": "video/mp4", "total_bytes": len(MP4), "media_category": "tweet_video"})[1]
    ident = start["data"]["id"]
    base = "/2/media/upload/" + ident
    eq(start["data"]["media_key"], "7_" + ident, "media key")
    eq(x("POST", base + "/append", parts={"segment_index": 1, "media": MP4[50:]})[0], 200, "the second piece")
    refused(x("POST", base + "/finalize"), 400, "total_bytes")
    x.sim.set(chunk_limit=10)
    eq(x("POST", base + "/append", parts={"segment_index": 0, "media": MP4[:50]})[0], 413, "a chunk that is too large")
    x.sim.set(chunk_limit=5000, media_polls=1)
    eq(x("POST", base + "/append", parts={"segment_index": 0, "media": MP4[:50]})[0], 200, "the first piece")
    eq(x("POST", base + "/finalize")[1]["data"]["processing_info"]["state"], "pending")
    refused(x("POST", "/2/tweets", {"text": "soon", "media": {"media_ids": [ident]}}), 403, "media IDs")
    states = [x("GET", "/2/media/upload?command=STATUS&media_id=" + ident)[1]["data"]["processing_info"]["state"] for _ in range(2)]
    eq(states, ["in_progress", "succeeded"], "states")
    eq(x("POST", "/2/tweets", {"text": "film", "media": {"media_ids": [ident]}})[0], 201)
    picture = x("POST", "/2/media/upload", parts={"media_category": "tweet_image", "media": pictures.png()})[1]["data"]["id"]
    refused(x("POST", "/2/tweets", {"text": "mixed", "media": {"media_ids": [ident, picture]}}), 403)


def test_refresh_tokens():
    """Once where the contract says so; the new pair works, the ended one does not."""
    for name, path, auth, form, once, who in (
            ("x", "/2/oauth2/token", "Basic eDp5", {}, True, "/2/users/me"),
            ("pinterest", "/v5/oauth/token", "Basic eDp5", {}, True, "/v5/user_account"),
            ("tiktok", "/v2/oauth/token/", None, {"client_key": "k", "client_secret": "s"}, True, "/v2/user/info/?fields=open_id"),
            ("snapchat", "/login/oauth2/access_token", None, {"client_id": "k", "client_secret": "s"}, True, "/v1/public_profiles/my_profile"),
            ("linkedin", "/oauth/v2/accessToken", None, {"client_id": "k", "client_secret": "s"}, False, "/v2/userinfo"),
            ("youtube", "/token", None, {"client_id": "k", "client_secret": "s"}, False, "/youtube/v3/channels?mine=true")):
        p = Caller(name)
        p.sim.set(expire=1)
        check(p("GET", who)[0] == 401, "%s: an ended token" % name)
        ask = {"grant_type": "refresh_token", "refresh_token": "refresh-T", **form}
        status, body = p("POST", path, form=ask, Authorization=auth)
        eq(status, 200, "%s: refresh (%s)" % (name, body))
        eq(p("POST", path, form=ask, Authorization=auth)[0] == 200, not once, "%s: the same refresh token again" % name)
        eq(p("GET", who, Authorization="Bearer " + body["access_token"])[0], 200, "%s: the new token" % name)


def test_linkedin():
    head = {"LinkedIn-Version": "202606", "X-Restli-Protocol-Version": "2.0.0"}
    li = Caller("linkedin", **head)
    post = {"author": "urn:li:person:demo0", "commentary": "One \\(two\\) #tag three_four", "visibility": "PUBLIC",
            "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
            "lifecycleState": "PUBLISHED"}
    eq((li("POST", "/rest/posts", post)[0], li.last["x-restli-id"][:13]), (201, "urn:li:share:"), "a post")
    eq(li.sim.posts()[0]["text"], "One (two) #tag three", "a reserved sign that is not escaped cuts the text off")
    refused(li("POST", "/rest/posts", post), 422, "DUPLICATE_POST", li.sim.posts()[0]["id"])
    refused(li("POST", "/rest/posts", {**post, "commentary": "x" * 3001}), 400, "FIELD_LENGTH_TOO_LONG")
    refused(li("POST", "/rest/posts", post, LinkedIn_Version=None), 426, "NONEXISTENT_VERSION")
    refused(li("POST", "/rest/posts", {**post, "author": "urn:li:organization:1"}), 403)
    refused(li("GET", "/rest/posts/urn:li:share:1"), 400, "encoded")
    start = li("POST", "/rest/images?action=initializeUpload", {"initializeUploadRequest": {"owner": post["author"]}})[1]["value"]
    shows = {**post, "commentary": "picture", "content": {"media": {"id": start["image"], "altText": "x"}}}
    refused(li("POST", "/rest/posts", shows), 400, "MEDIA_ASSET_WAITING_UPLOAD")
    eq(li("PUT", urllib.parse.urlsplit(start["uploadUrl"])._replace(scheme="", netloc="").geturl(), raw=pictures.png())[0], 201)
    eq(li("POST", "/rest/posts", shows)[0], 201, "with its picture")
    li.sim.set(part_bytes=50000)
    video = li("POST", "/rest/videos?action=initializeUpload", {"initializeUploadRequest": {
        "owner": post["author"], "fileSizeBytes": 80000, "uploadCaptions": False, "uploadThumbnail": False}})[1]["value"]
    eq([(i["firstByte"], i["lastByte"]) for i in video["uploadInstructions"]], [(0, 49999), (50000, 79999)], "instructions")
    paths = [urllib.parse.urlsplit(i["uploadUrl"]).path for i in video["uploadInstructions"]]
    eq(li("PUT", paths[0], raw=bytes(80000))[0], 400, "a part of another size than its instruction's")
    tags = []
    for path, size in zip(paths, (50000, 30000)):
        eq(li("PUT", path, raw=bytes(size))[0], 200)
        tags.append(li.last["etag"].strip('"'))
    done = {"video": video["video"], "uploadToken": "", "uploadedPartIds": tags[::-1]}
    eq(li("POST", "/rest/videos?action=finalizeUpload", {"finalizeUploadRequest": done})[0], 400, "parts out of order")
    eq(li("POST", "/rest/videos?action=finalizeUpload", {"finalizeUploadRequest": {**done, "uploadedPartIds": tags}})[0], 200)


def page(fb):
    """The Page's token, and the path of its edges."""
    one = fb("GET", "/v25.0/me/accounts?fields=id,access_token")[1]["data"][0]
    fb.headers["Authorization"] = "Bearer " + one["access_token"]
    return "/v25.0/" + one["id"]


def test_facebook():
    fb = Caller("facebook")
    refused(fb("POST", "/v25.0/5550001/feed", form={"message": "a"}), 400, "Page's own token")
    at = page(fb)
    eq(fb("POST", at + "/feed", form={"message": "a"})[0], 200, "a post")
    refused(fb("POST", at + "/feed", form={"message": "a"}), 400, '"code": 506')
    refused(fb("POST", at + "/feed", form={"message": "b", "unknown": "1"}), 400, '"code": 100')
    photo = fb("POST", at + "/photos", parts={"published": "false", "source": pictures.png()})[1]["id"]
    eq("page_story_id" in fb("GET", "/v25.0/%s?fields=id,page_story_id" % photo)[1], False, "a photo that nobody sees")
    eq(fb("POST", at + "/feed", form={"message": "c", "attached_media": json.dumps([{"media_fbid": photo}])})[0], 200)
    eq(fb("GET", "/v25.0/%s?fields=page_story_id" % photo)[1]["page_story_id"], fb.sim.posts()[1]["id"], "the photo names its post")
    refused(fb("POST", at + "/feed", form={"message": "d", "attached_media": json.dumps([{"media_fbid": photo}])}), 400, "1366051")
    eq(sorted(fb("GET", at + "/published_posts?fields=message")[1]["data"][0]), ["id", "message"], "only what was asked for")


def test_facebook_chunks():
    fb = Caller("facebook")
    at = page(fb)
    fb.sim.set(chunk_bytes=64)
    start = fb("POST", at + "/videos", form={"upload_phase": "start", "file_size": len(MP4)})[1]
    eq((start["start_offset"], start["end_offset"]), ("0", "64"), "the first range")
    put = {"upload_phase": "transfer", "upload_session_id": start["upload_session_id"]}
    refused(fb("POST", at + "/videos", parts={**put, "start_offset": 64, "video_file_chunk": MP4[64:128]}), 400, "1363037", '"start_offset": 0')
    finish = {"upload_phase": "finish", "upload_session_id": start["upload_session_id"], "description": "film"}
    refused(fb("POST", at + "/videos", form=finish), 400, "1363045")
    for n in range(0, len(MP4), 64):
        eq(fb("POST", at + "/videos", parts={**put, "start_offset": n, "video_file_chunk": MP4[n:n + 64]})[0], 200)
    fb.sim.set(media_polls=1)
    eq(fb("POST", at + "/videos", form=finish)[0], 200, "finish")
    eq(len(fb.sim.posts()), 1)
    refused(fb("POST", at + "/videos", form=finish), 400, "published before")


def pictures_shown(**files):
    """Their addresses on a web server."""
    directory = tempfile.mkdtemp(prefix="smmq-")
    close_later(lambda: [os.unlink(os.path.join(directory, n)) for n in os.listdir(directory)] and os.rmdir(directory))
    port = shown(directory)
    for name, data in files.items():
        path = os.path.join(directory, name.replace("_", "."))
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, 0o644)
    return {name: "http://127.0.0.1:%d/%s" % (port, name.replace("_", ".")) for name in files}


def test_instagram_containers():
    ig = Caller("instagram")
    url = pictures_shown(a_jpg=pictures.JPEG, a_png=pictures.png())
    at = "/v25.0/17841400000000000"
    refused(ig("POST", at + "/media", form={"image_url": url["a_png"]}), 400, "2207005")
    refused(ig("POST", at + "/media", form={"image_url": url["a_jpg"] + ".none"}), 400, "2207052")
    refused(ig("POST", at + "/media", form={"caption": "text alone"}), 400, "9004")
    refused(ig("POST", at + "/media", form={"image_url": url["a_jpg"], "caption": "#x" * 31}), 400, "2207010")
    refused(ig("POST", at + "/media", form={"media_type": "CAROUSEL", "children": ""}), 400, "2207028")
    ig.sim.set(media_polls=1, quota_total=1)
    c = ig("POST", at + "/media", form={"image_url": url["a_jpg"], "caption": "one"})[1]["id"]
    refused(ig("POST", at + "/media_publish", form={"creation_id": c}), 400, "2207027")
    eq(ig("GET", "/v25.0/%s?fields=status_code" % c)[1]["status_code"], "FINISHED", "after one question")
    eq(ig("POST", at + "/media_publish", form={"creation_id": c})[0], 200, "published")
    eq(ig("GET", "/v25.0/%s?fields=status_code" % c)[1]["status_code"], "PUBLISHED")
    refused(ig("POST", at + "/media_publish", form={"creation_id": c}), 400, "2207006")
    eq(len(ig.sim.posts()), 1, "a container is published once")
    eq(ig("GET", at + "/content_publishing_limit?fields=config,quota_usage")[1]["data"][0]["quota_usage"], 1)
    ig.sim.set(media_polls=0)
    c = ig("POST", at + "/media", form={"image_url": url["a_jpg"]})[1]["id"]
    refused(ig("POST", at + "/media_publish", form={"creation_id": c}), 400, "2207042")
    ig.sim.set(quota_total=10, expired=1)
    refused(ig("POST", at + "/media_publish", form={"creation_id": c}), 400, "2207006")


def test_threads_containers():
    th = Caller("threads")
    refused(th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "x" * 501}), 400, "500 characters")
    refused(th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "\U0001F35E" * 126}), 400, "500 characters")
    refused(th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "a", "auto_publish_text": "true"}), 400)
    c = th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "\U0001F35E" * 125})[1]["id"]
    first = th("POST", "/v1.0/me/threads_publish", form={"creation_id": c})[1]["id"]
    refused(th("POST", "/v1.0/me/threads_publish", form={"creation_id": c}), 400)
    refused(th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "r", "reply_to_id": "1"}), 400)
    c = th("POST", "/v1.0/me/threads", form={"media_type": "TEXT", "text": "r", "reply_to_id": first})[1]["id"]
    th("POST", "/v1.0/me/threads_publish", form={"creation_id": c})
    eq([len(th("GET", "/v1.0/me/%s?fields=id,text" % n)[1]["data"]) for n in ("threads", "replies")], [1, 1], "posts and replies")


def test_tiktok_chunks():
    tt = Caller("tiktok")
    size, chunk = 10_000_001, 5_000_000
    info = {"title": "t", "privacy_level": "PUBLIC_TO_EVERYONE"}

    def init(size=size, chunk=chunk, count=2):
        return tt("POST", "/v2/post/publish/video/init/", {"post_info": info, "source_info": {
            "source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count}})

    def put(first, last):
        return tt("PUT", at, raw=(MP4 + bytes(size))[first:last + 1], Content_Type="video/mp4",
                  Content_Range="bytes %d-%d/%d" % (first, last, size), Authorization=None)[0]
    refused(init(), 400, "options were not asked")
    tt("POST", "/v2/post/publish/creator_info/query/", {})
    refused(init(count=3), 400, "chunk")
    refused(init(chunk=4_000_000), 400, "chunk")
    refused(init(chunk=size + 1, count=1), 400, "chunk")
    info["privacy_level"] = "FOLLOWER_OF_CREATOR"
    refused(init(), 403, "privacy_level_option_mismatch")
    info["privacy_level"] = "PUBLIC_TO_EVERYONE"
    data = init()[1]["data"]
    at = data["upload_url"].split(str(tt.sim.port), 1)[1]
    eq(put(chunk, size - 1), 416, "the second chunk first")
    eq((put(0, chunk - 1), tt.last["content-range"]), (206, "bytes 0-5000000/10000001"), "the first")
    eq(len(tt.sim.posts()), 0, "nothing is public")
    eq((put(chunk, size - 1), len(tt.sim.posts())), (201, 1), "the last byte makes it public")
    status = tt("POST", "/v2/post/publish/status/fetch/", {"publish_id": data["publish_id"]})[1]["data"]
    eq((status["status"], [str(i) for i in status["publicaly_available_post_id"]]), ("PUBLISH_COMPLETE", [tt.sim.posts()[0]["id"]]))
    tt.sim.set(init_limit=1)
    tt("POST", "/v2/post/publish/creator_info/query/", {})
    refused(init(), 429, "rate_limit_exceeded")


def test_youtube_session():
    yt = Caller("youtube")
    total = 262144 * 2 + 10
    data = MP4 + bytes(total - len(MP4))
    session = {"snippet": {"title": "T", "tags": ["x"]}, "status": {"privacyStatus": "private"}}
    ask = "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status"
    head = {"X_Upload_Content_Length": str(total), "X_Upload_Content_Type": "video/mp4"}
    refused(yt("POST", ask, {**session, "snippet": {"title": "<T>"}}, **head), 400, "invalidTitle")
    refused(yt("POST", ask, {**session, "status": {}}, **head), 400, "invalidVideoMetadata")
    eq(yt("POST", ask, session, **head)[0], 200, "session")
    at = yt.last["location"].split(str(yt.sim.port), 1)[1]

    def put(first, last):
        return yt("PUT", at, raw=data[first:last + 1], Content_Range="bytes %d-%d/%d" % (first, last, total))[0]
    eq(put(0, 1000), 400, "a chunk that is no multiple of 262144")
    eq((put(0, 262143), yt.last["range"]), (308, "bytes=0-262143"), "the first chunk")
    eq(put(0, 262143), 400, "the same again")
    eq((yt("PUT", at, raw=b"", Content_Range="bytes */%d" % total)[0], yt.last["range"]), (308, "bytes=0-262143"), "what is stored")
    eq(put(262144, 524287), 308, "the second")
    eq(put(524288, total - 1), 201, "the last")
    video = yt("PUT", at, raw=b"", Content_Range="bytes */%d" % total)
    eq((video[0], len(yt.sim.posts())), (201, 0), "the same video is told again; nobody sees it")
    refused(yt("PUT", "/youtube/v3/videos?part=status", {"id": video[1]["id"], "status": {"privacyStatus": "all"}}), 400)
    eq(yt("PUT", "/youtube/v3/videos?part=status", {"id": video[1]["id"], "status": {"privacyStatus": "public"}})[0], 200)
    eq([p["id"] for p in yt.sim.posts()], [video[1]["id"]], "public")
    eq(yt("GET", "/youtube/v3/videos?part=status&id=none")[1]["items"], [], "an id that nobody knows is no error")
    yt.sim.set(upload_quota=1)
    refused(yt("POST", ask, session, **head), 429, "Video Uploads")


def test_pinterest():
    pin = Caller("pinterest")
    data = pictures.JPEG
    source = {"source_type": "image_base64", "content_type": "image/jpeg", "data": base64.b64encode(data).decode()}
    eq(pin("POST", "/v5/pins", {"board_id": "700001", "title": "T", "media_source": source})[0], 201, "a Pin")
    eq(pin("POST", "/v5/pins", {"board_id": "700001", "title": "T", "media_source": source})[0], 201, "the same again is another one")
    eq(len(pin.sim.posts()), 2)
    refused(pin("POST", "/v5/pins", {"board_id": "1", "media_source": source}), 404, '"code": 40')
    refused(pin("POST", "/v5/pins", {"board_id": "700001", "title": "T" * 101, "media_source": source}), 400)
    refused(pin("POST", "/v5/pins", {"board_id": "700001", "media_source": {**source, "content_type": "image/png"}}), 400)
    start = pin("POST", "/v5/media", {"media_type": "video"})[1]
    clip = {"source_type": "video_id", "media_id": start["media_id"], "cover_image_key_frame_time": 1}
    refused(pin("POST", "/v5/pins", {"board_id": "700001", "media_source": clip}), 400, "not ready")
    path = urllib.parse.urlsplit(start["upload_url"]).path
    eq(pin("POST", path, parts={**start["upload_parameters"], "file": MP4})[0], 403, "a token has no business at the storage host")
    eq(pin("POST", path, parts={"file": MP4, **start["upload_parameters"]}, Authorization=None)[0], 403, "the file comes last")
    eq(pin("POST", path, parts={**start["upload_parameters"], "file": MP4}, Authorization=None)[0], 204)
    eq(pin("GET", "/v5/media/" + start["media_id"])[1]["status"], "succeeded")
    refused(pin("POST", "/v5/pins", {"board_id": "700001", "media_source": {k: clip[k] for k in ("source_type", "media_id")}}), 400, "cover")
    eq(pin("POST", "/v5/pins", {"board_id": "700001", "media_source": clip})[0], 201)


def test_bluesky_records():
    sky = Caller("bluesky")
    refused(sky("POST", "/xrpc/com.atproto.server.createSession", {"identifier": "a", "password": "wrong"}), 401, "AuthenticationRequired")
    session = sky("POST", "/xrpc/com.atproto.server.createSession", {"identifier": "a", "password": "T"})[1]
    sky.headers["Authorization"] = "Bearer " + session["accessJwt"]
    record = {"$type": "app.bsky.feed.post", "text": "a", "createdAt": "2026-11-21T19:00:00.000Z"}
    put = {"repo": session["did"], "collection": "app.bsky.feed.post", "rkey": "3n2trvupv222b", "validate": True, "swapRecord": None,
           "record": record}
    first = sky("POST", "/xrpc/com.atproto.repo.putRecord", put)
    eq((first[0], "commit" in first[1]), (200, True), "a record")
    again = sky("POST", "/xrpc/com.atproto.repo.putRecord", put)
    eq((again[0], again[1]["cid"], "commit" in again[1]), (200, first[1]["cid"], False), "the same again changes nothing")
    refused(sky("POST", "/xrpc/com.atproto.repo.putRecord", {**put, "record": {**record, "text": "b"}}), 400, "InvalidSwap")
    refused(sky("POST", "/xrpc/com.atproto.repo.putRecord", {**put, "rkey": "x"}), 400, "record key")
    refused(sky("POST", "/xrpc/com.atproto.repo.putRecord", {**put, "rkey": "3n2trvvofm222", "record": {**record, "text": "x" * 301}}), 400)
    image = {"$type": "blob", "ref": {"$link": "bafkreinone"}, "mimeType": "image/png", "size": 5}
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": image, "alt": ""}]}
    refused(sky("POST", "/xrpc/com.atproto.repo.putRecord", {**put, "rkey": "3n2trvvofm222", "record": {**record, "embed": embed}}), 400,
            "BlobNotFound")
    embed["images"][0]["image"] = sky("POST", "/xrpc/com.atproto.repo.uploadBlob", raw=b"hello", Content_Type="image/png")[1]["blob"]
    eq(sky("POST", "/xrpc/com.atproto.repo.putRecord", {**put, "rkey": "3n2trvvofm222", "record": {**record, "embed": embed}})[0], 200)
    sky.sim.set(expire=1)
    refused(sky("POST", "/xrpc/com.atproto.repo.putRecord", put), 400, "ExpiredToken")
    eq(len(sky.sim.posts()), 2, "records")


def test_snapchat():
    sc = Caller("snapchat")
    at = "/v1/public_profiles/p-uuid-0"
    key = {"key": "YD3rEBXKcb4rc67whX13gR81LAc7YQjXLZgQowkU3/Q=", "iv": "AAECAwQFBgcICQoLDA0ODw=="}
    refused(sc("POST", at + "/media", {"type": "IMAGE", "name": "x", **key, "iv": "AAEC"}), 400)
    start = sc("POST", at + "/media", {"type": "IMAGE", "name": "x", **key})[1]
    # The first bytes of a PNG, enciphered by another program under the contract's key.
    sealed = bytes.fromhex("41214e427993622832d225bf1a6f81440c80a4bfb4dca28cd7a12e985eb4d410")
    refused(sc("POST", at + "/stories", {"media_id": start["media_id"]}), 400)
    eq(sc("POST", start["add_path"], parts={"action": "ADD", "part_number": 0, "file": sealed})[0], 400, "parts are counted from 1")
    eq(sc("POST", start["add_path"], parts={"action": "ADD", "part_number": 1, "file": sealed[:16]})[0], 200)
    refused(sc("POST", start["finalize_path"], parts={"action": "FINALIZE"}), 400, "decrypted")
    eq(sc("POST", start["add_path"], parts={"action": "ADD", "part_number": 2, "file": sealed[16:]})[0], 200)
    eq(sc("POST", start["finalize_path"], parts={"action": "FINALIZE"})[0], 200)
    eq(sc("POST", at + "/stories", {"media_id": start["media_id"]})[0], 200, "a story")
    refused(sc("POST", at + "/stories", {"media_id": start["media_id"]}), 409, "MEDIA_POSTING_ALREADY_IN_PROGRESS")
    eq([p["media"][0]["mime"] for p in sc.sim.posts()], ["image/png"], "what was sealed")
    sc.sim.set(not_listed=1)
    refused(sc("POST", at + "/stories", {"media_id": start["media_id"]}), 403, "AUTHORIZATION_PERMISSION_DENIED")


if __name__ == "__main__":
    smmqtest.main(globals(), programs=(SIM,))
