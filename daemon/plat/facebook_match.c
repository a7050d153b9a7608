/* facebook_match.c: which entry of a list of posts, reels, stories or comments is a part of ours. */
#include "daemon/plat/facebook.h"

#include <string.h>

#include "daemon/model/text.h"
#include "proto/buf.h"

#define SKEW_MS (120 * INT64_C(1000))

/* ---- the words ---- */

/* Without the white space around it and with line feeds alone, as Facebook may keep it. */
static const char *plain(struct arena *a, const char *text)
{
	static const char blank[] = " \t\r\n\v\f";
	struct buf b = BUF_INIT(WIRE_MAX_BODY_BYTES);
	size_t len;

	text = wire_str(text_nfc(a, wire_str(text)));
	text += strspn(text, blank);
	for (len = strlen(text); len && strchr(blank, text[len - 1]);)
		len--;
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r')
			buf_add_char(&b, text[i]);
	return wire_str(wire_take(&b, a, NULL));
}

static bool same_words(const struct plat_in *in, size_t n, const char *theirs)
{
	return !strcmp(plain(in->arena, theirs), plain(in->arena, facebook_text(in, n)));
}

static bool is_link(const struct plat_in *in, size_t n)
{
	return facebook_kind(in, n) == FACEBOOK_TEXT && in->content->card_count;
}

bool facebook_wordless(const struct plat_in *in, size_t n)
{
	return !*plain(in->arena, facebook_text(in, n)) && !is_link(in, n);
}

/* ---- which entry of a list is ours ---- */

static bool is_text(const struct json *object, const char *path, const char *text)
{
	const char *has = json_text(json_path(object, path));

	return has && text && !strcmp(has, text);
}

static bool shows_photo(const struct json *list, const char *photo)
{
	for (const struct json *a = json_first(json_get(list, "data")); a; a = json_next(a))
		if (is_text(a, "target.id", photo) || shows_photo(json_get(a, "subattachments"), photo))
			return true;
	return false;
}

/* Where Facebook tells what a post shows, it is as much as ours. */
static bool shows_like(const struct plat_in *in, size_t n, const struct json *post)
{
	const struct json *first = json_path(post, "attachments.data.0"), *more = json_path(first, "subattachments.data");
	size_t media = in->content->parts[n].media_count;
	const char *url = json_get_text(first, "unshimmed_url");

	if (media > 1)
		return !more || json_count(more) == media;
	if (is_link(in, n))
		return url ? !strcmp(url, in->content->card[0].url) : *facebook_text(in, n);
	return !json_count(more) && (!media || first);
}

static enum facebook_fit fit_post(const struct plat_in *in, size_t n, const struct json *post)
{
	const char *photo = plat_get_n(in->values, "photo", 0), *app = plat_get(in->account_values, "app_id");
	const char *its = json_text(json_path(post, "application.id"));

	if (!app)
		app = plat_credential(in->account, "client_id");
	if (photo && shows_photo(json_get(post, "attachments"), photo))
		return FACEBOOK_SURELY;
	/* Photos of ours that it does not show. */
	if (photo && !wire_unrecorded(in))
		return FACEBOOK_NOT;
	return same_words(in, n, json_get_text(post, "message")) && (!app || !its || !strcmp(app, its)) && shows_like(in, n, post)
	       ? FACEBOOK_MAYBE : FACEBOOK_NOT;
}

static enum facebook_fit fit_reel(const struct plat_in *in, size_t n, const struct json *reel)
{
	if (is_text(reel, "id", plat_get(in->values, "video")))
		return FACEBOOK_SURELY;
	return same_words(in, n, json_get_text(reel, "description")) ? FACEBOOK_MAYBE : FACEBOOK_NOT;
}

static enum facebook_fit fit_story(const struct plat_in *in, size_t n, const struct json *story)
{
	bool video = facebook_kind(in, n) == FACEBOOK_VIDEO_STORY;
	const char *media = video ? plat_get(in->values, "video") : plat_get_n(in->values, "photo", 0);

	if (is_text(story, "media_id", media))
		return FACEBOOK_SURELY;
	return wire_unrecorded(in) && is_text(story, "media_type", video ? "video" : "photo") ? FACEBOOK_MAYBE : FACEBOOK_NOT;
}

static enum facebook_fit fit_comment(const struct plat_in *in, size_t n, const struct json *comment)
{
	return is_text(comment, "from.id", plat_get(in->account_values, "own_id")) && same_words(in, n, json_get_text(comment, "message"))
	       ? FACEBOOK_MAYBE : FACEBOOK_NOT;
}

/* ---- the lists ---- */

#define POST_FIELDS "id,message,created_time,permalink_url,application%7Bid%7D,attachments%7Bunshimmed_url,target%7Bid%7D,subattachments%7D"

static const struct facebook_list posts = {
	.edge = "published_posts", .query = "fields=" POST_FIELDS "&limit=25", .since = true, .newest_first = true,
	.id_name = "id", .url_name = "permalink_url", .time_name = "created_time", .fit = fit_post,
};
static const struct facebook_list reels = {
	.edge = "video_reels", .query = "fields=id,description,created_time,post_id", .since = true,
	.id_name = "post_id", .url_name = "", .time_name = "created_time", .edge_name = "id", .fit = fit_reel,
};
static const struct facebook_list stories = {
	.edge = "stories", .query = "status=%5B%22PUBLISHED%22%5D", .since = true,
	.id_name = "post_id", .url_name = "url", .time_name = "creation_time", .fit = fit_story,
};
static const struct facebook_list comments = {
	.query = "fields=id,message,from,created_time&order=reverse_chronological&limit=25", .newest_first = true,
	.id_name = "id", .url_name = "", .time_name = "created_time", .fit = fit_comment,
};

const struct facebook_list *facebook_list_of(const struct plat_in *in, size_t n)
{
	enum facebook_kind kind = facebook_kind(in, n);

	return kind == FACEBOOK_COMMENT ? &comments : kind == FACEBOOK_REEL ? &reels : facebook_is_story(kind) ? &stories : &posts;
}

/* ---- times ---- */

int64_t facebook_floor_ms(const struct plat_in *in)
{
	int64_t since = plat_get_int(in->values, "since_ms", 0);

	return since && !wire_unrecorded(in) ? since : in->target->open[0].armed_ms - SKEW_MS;
}

/* Times are dates, or unix seconds. */
bool facebook_too_old(const struct plat_in *in, const struct facebook_list *l, const struct json *entry)
{
	const char *text = json_get_text(entry, l->time_name);
	char digits[24];
	int64_t ms;

	if (!text || graph_time_ms(text, &ms)) {
		text = json_get_id(entry, l->time_name, digits);
		ms = 0;
		for (; text && *text >= '0' && *text <= '9' && ms < INT64_MAX / 100000; text++)
			ms = 10 * ms + (*text - '0');
		ms *= 1000;
	}
	return ms && ms < facebook_floor_ms(in);
}
