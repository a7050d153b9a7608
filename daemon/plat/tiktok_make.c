/* tiktok_make.c: what leads to a post: what the profile allows, the files at a public address, and the words for TikTok. */
#include "daemon/plat/tiktok.h"

#include <string.h>

#include "daemon/plat/kind.h"
#include "daemon/plat/public.h"
#include "proto/unit.h"

/* The profile's options are asked for before each post; for so long an answer is of use. */
#define CREATOR_MS (10 * 60 * INT64_C(1000))
#define UPLOAD_MS (55 * 60 * INT64_C(1000))
#define MAX_ID_BYTES 64
#define MAX_URL_BYTES 2048

/* ---- settings ---- */

const char *tiktok_privacy(const struct plat_in *in)
{
	static const struct { const char *word, *level; } levels[] = {
		{ "public", "PUBLIC_TO_EVERYONE" }, { "friends", "MUTUAL_FOLLOW_FRIENDS" }, { "followers", "FOLLOWER_OF_CREATOR" },
		{ "private", "SELF_ONLY" },
	};

	for (size_t i = 0; i < WIRE_COUNT(levels); i++)
		if (tiktok_chosen(in, "Privacy", levels[i].word))
			return levels[i].level;
	return NULL;
}

int64_t tiktok_cover_ms(const struct plat_in *in)
{
	const char *text = plat_setting(in, "CoverAt");
	int64_t ms;

	if (!text)
		return 0;
	return unit_duration_parse(text, &ms) || ms < 0 || ms > INT32_MAX ? -1 : ms;
}

int64_t tiktok_cover_index(const struct plat_in *in)
{
	const char *text = plat_setting(in, "CoverAt");
	int64_t number;

	if (!text)
		return 0;
	return unit_int_parse(text, 1, (int64_t)in->content->parts[0].media_count, &number) ? -1 : number - 1;
}

static bool forbids(const struct plat_in *in, const char *what, const char *option)
{
	const char *list = plat_get(in->values, "forbids");

	return tiktok_chosen(in, option, "forbid") || wire_listed(list, what);
}

/* ---- bodies ---- */

static void write_words(const struct plat_in *in, struct json_writer *w, bool photo)
{
	const struct content *c = in->content;
	const char *text = wire_str(c->parts[0].text);

	if (photo && c->title)
		jw_str(w, "title", c->title);
	if (*text)
		jw_str(w, photo ? "description" : "title", text);
}

static void write_post_info(const struct plat_in *in, struct json_writer *w, bool photo)
{
	jw_object(w, "post_info");
	write_words(in, w, photo);
	if (!tiktok_is_draft(in)) {
		jw_str(w, "privacy_level", tiktok_privacy(in));
		jw_bool(w, "disable_comment", forbids(in, "comment", "Comments"));
		if (photo) {
			jw_bool(w, "auto_add_music", tiktok_chosen(in, "Music", "yes"));
		} else {
			jw_bool(w, "disable_duet", forbids(in, "duet", "Duet"));
			jw_bool(w, "disable_stitch", forbids(in, "stitch", "Stitch"));
			jw_int(w, "video_cover_timestamp_ms", tiktok_cover_ms(in) > 0 ? tiktok_cover_ms(in) : 0);
		}
		jw_bool(w, "brand_content_toggle", tiktok_chosen(in, "PaidPartnership", "yes"));
		jw_bool(w, "brand_organic_toggle", tiktok_chosen(in, "OwnBrand", "yes"));
		if (!photo)
			jw_bool(w, "is_aigc", tiktok_chosen(in, "MadeWithAI", "yes"));
	}
	jw_end(w);
}

static void write_source(const struct plat_in *in, struct json_writer *w, bool photo)
{
	const struct part *p = &in->content->parts[0];

	jw_object(w, "source_info");
	jw_str(w, "source", tiktok_fetches(in) ? "PULL_FROM_URL" : "FILE_UPLOAD");
	if (photo) {
		jw_int(w, "photo_cover_index", tiktok_cover_index(in) > 0 ? tiktok_cover_index(in) : 0);
		jw_array(w, "photo_images");
		for (size_t k = 0; k < p->media_count; k++)
			jw_str(w, NULL, public_url(in, k));
		jw_end(w);
	} else if (tiktok_fetches(in)) {
		jw_str(w, "video_url", public_url(in, 0));
	} else {
		jw_int(w, "video_size", (int64_t)p->media[0].size_bytes);
		jw_int(w, "chunk_size", (int64_t)tiktok_chunk_bytes(&p->media[0]));
		jw_int(w, "total_chunk_count", (int64_t)tiktok_chunk_count(&p->media[0]));
	}
	jw_end(w);
}

/* A draft of a video has no words: a person writes them. */
static void send_init(const struct plat_in *in, struct plat_out *out, const char *step, enum plat_effect effect)
{
	bool photo = tiktok_is_photo(in->content), draft = tiktok_is_draft(in);
	const char *path = photo ? "/v2/post/publish/content/init/" : draft ? "/v2/post/publish/inbox/video/init/" : "/v2/post/publish/video/init/";
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	struct json_writer w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	if (photo) {
		jw_str(&w, "media_type", "PHOTO");
		jw_str(&w, "post_mode", draft ? "MEDIA_UPLOAD" : "DIRECT_POST");
	}
	if (photo || !draft)
		write_post_info(in, &w, photo);
	write_source(in, &w, photo);
	jw_end(&w);
	tiktok_request(in, out, step, effect, PLAT_POST, path, &b);
}

/* ---- what comes next ---- */

static void send_creator(const struct plat_in *in, struct plat_out *out)
{
	struct buf b = BUF_INIT(16);

	buf_add_str(&b, "{}");
	tiktok_request(in, out, "creator.0", PLAT_NONE, PLAT_POST, "/v2/post/publish/creator_info/query/", &b);
}

/* A draft asks for nothing that a profile could forbid. */
static bool wants_creator(const struct plat_in *in)
{
	int64_t age = in->steady_ms - plat_get_int(in->values, "creator_ms", INT64_MIN / 2);

	return !tiktok_is_draft(in) && (age < 0 || age > CREATOR_MS);
}

void tiktok_commit(const struct plat_in *in, struct plat_out *out)
{
	send_init(in, out, "post.0", PLAT_ONCE);
	out->request.mark = wire_part_print(in, 0);
}

static void make_fetched(const struct plat_in *in, struct plat_out *out)
{
	const struct part *p = &in->content->parts[0];

	for (size_t k = 0; k < p->media_count; k++)
		if (public_media(in, out, k, &p->media[k]))
			return;
	if (wants_creator(in))
		send_creator(in, out);
	else
		tiktok_commit(in, out);
}

void tiktok_make(const struct plat_in *in, struct plat_out *out)
{
	int64_t age = in->steady_ms - plat_get_int(in->values, "upload_ms", in->steady_ms);

	if (tiktok_fetches(in)) {
		make_fetched(in, out);
		return;
	}
	/* An address that ended: where its last bytes may have gone out, that is looked at first. */
	if (plat_get(in->values, "publish") && !plat_get(in->values, "doubt") && (age < 0 || age > UPLOAD_MS)) {
		if (plat_get(in->values, "lost"))
			plat_set(in->values, "doubt", "gone");
		else
			tiktok_forget(in);
	}
	if (plat_get(in->values, "publish"))
		tiktok_put(in, out);
	else if (wants_creator(in))
		send_creator(in, out);
	else
		send_init(in, out, "init.0", PLAT_REPEATABLE);
}

/* ---- answers ---- */

static bool offers(const struct json *levels, const char *level)
{
	for (const struct json *e = json_first(levels); e; e = json_next(e))
		if (json_text(e) && !strcmp(json_text(e), level))
			return true;
	return false;
}

/* True when the profile cannot take this post. */
static bool unfit(const struct plat_in *in, struct plat_out *out, const struct json *data)
{
	const struct media *m = &in->content->parts[0].media[0];
	const char *level = wire_str(tiktok_privacy(in));
	int64_t max_s;

	if (!offers(json_get(data, "privacy_level_options"), level)) {
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "tiktok: this profile does not offer the level %s that Privacy= asks for; choose "
		                                         "another (a private profile has followers instead of public)", *level ? level : "(none)"));
		return true;
	}
	if (kind_is_video(m) && !json_get_int(data, "max_video_post_duration_sec", &max_s) && max_s > 0 && max_s < INT32_MAX &&
	    m->duration_ms > max_s * 1000) {
		plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "tiktok: the video lasts %lld ms, this profile may post %lld s", (long long)m->duration_ms,
		                                         (long long)max_s));
		return true;
	}
	return false;
}

static bool creator_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	static const char *const names[] = { "comment", "duet", "stitch" };
	const struct json *data = json_get(answer->json, "data");
	const char *list = "", *name = json_get_text(data, "creator_username");

	if (!tiktok_good(answer)) {
		tiktok_refuse(in, out, "the question what the profile may post", answer);
		return true;
	}
	for (size_t i = 0; i < WIRE_COUNT(names); i++)
		if (json_true(json_get(data, wire_str(arena_fmt(in->arena, "%s_disabled", names[i]))), false))
			list = wire_str(arena_fmt(in->arena, "%s%s%s", list, *list ? "," : "", names[i]));
	plat_set(in->values, "creator", name ? wire_excerpt(in->arena, name, strlen(name), WIRE_EXCERPT_CHARS) : NULL);
	plat_set(in->values, "forbids", list);
	plat_set_int(in->values, "creator_ms", in->steady_ms);
	return unfit(in, out, data);
}

static const char *publish_id(const struct wire_answer *answer)
{
	const char *id = json_get_text(json_get(answer->json, "data"), "publish_id");

	return id && *id && strlen(id) <= MAX_ID_BYTES ? id : NULL;
}

static bool init_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = publish_id(answer), *url = json_get_text(json_get(answer->json, "data"), "upload_url");

	if (!tiktok_good(answer)) {
		tiktok_refuse(in, out, "the request to upload", answer);
		return true;
	}
	if (!id || !url || strlen(url) > MAX_URL_BYTES || !tiktok_upload_url(in, url)) {
		plat_fail(out, PLAT_TRANSIENT, "tiktok: the request to upload was answered without an address below .tiktokapis.com and an id");
		return true;
	}
	tiktok_forget(in);
	plat_set(in->values, "publish", id);
	plat_set(in->values, "upload_url", url);
	plat_set_int(in->values, "upload_ms", in->steady_ms);
	return false;
}

static bool post_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *id = publish_id(answer);

	if (tiktok_good(answer) && id) {
		plat_set(in->values, "publish", id);
		tiktok_accepted(in, out);
	} else if (answer->status >= 200 && answer->status < 300 && (!*answer->name || tiktok_good(answer))) {
		plat_fail(out, PLAT_UNKNOWN, arena_fmt(in->arena, "tiktok answered %d to the post, but without its id", answer->status));
	} else {
		tiktok_refuse(in, out, "the post", answer);
		if (out->verdict == PLAT_FAIL && out->klass == PLAT_TRANSIENT)
			out->klass = PLAT_UNKNOWN;
	}
	return true;
}

bool tiktok_made(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	size_t k;

	if (plat_get(in->values, PLAT_ACCEPTED))
		return false;
	if (wire_step_is(in->response_step, "creator", &k))
		return creator_answer(in, out, answer);
	if (wire_step_is(in->response_step, "init", &k))
		return init_answer(in, out, answer);
	return wire_step_is(in->response_step, "post", &k) && post_answer(in, out, answer);
}
