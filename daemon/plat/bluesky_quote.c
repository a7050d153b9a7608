/* bluesky_quote.c: the post that a post quotes. A record names it by address and content hash, so it is read first: in the account's own
 * repository, or where everybody's posts are read. */
#include <string.h>

#include "daemon/plat/bluesky.h"
#include "proto/json.h"

#define AT "at://"
#define PROFILE "/profile/"
#define POST "/post/"
#define RKEY_CHARS "234567abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0189.-_~:"

/* authority middle rkey, and nothing behind; what follows '?' or '#' of a web address tells nothing. */
static bool split(struct arena *a, const char *text, const char *middle, const char **authority, const char **rkey)
{
	const char *at = strstr(text, middle);
	size_t len = at ? (size_t)(at - text) : 0;
	const char *key = at ? at + strlen(middle) : NULL;
	size_t key_len = key ? strspn(key, RKEY_CHARS) : 0;
	char *name, *own;

	if (!len || memchr(text, '/', len) || !key_len || (key[key_len] && !strchr("/?#", key[key_len])))
		return false;
	name = arena_strdup(a, text);
	own = arena_strdup(a, key);
	if (!name || !own)
		return false;
	name[len] = '\0';
	own[key_len] = '\0';
	*authority = name;
	*rkey = own;
	return true;
}

bool bluesky_quote_parse(struct arena *a, const char *text, const char **authority, const char **rkey)
{
	const char *profile;

	if (!strncmp(text, AT, strlen(AT)))
		return split(a, text + strlen(AT), "/" BLUESKY_COLLECTION "/", authority, rkey);
	profile = strncmp(text, "https://", 8) ? NULL : strstr(text, PROFILE);
	return profile && split(a, profile + strlen(PROFILE), POST, authority, rkey);
}

static bool is_own(const struct plat_in *in, const char *authority)
{
	const char *did = plat_get(in->account_values, "did"), *handle = plat_get(in->account_values, "handle");

	return !strcmp(authority, wire_str(did)) || !strcmp(authority, wire_str(handle));
}

bool bluesky_quote_send(const struct plat_in *in, struct plat_out *out, size_t n)
{
	const char *quote = n ? NULL : in->content->quote, *authority, *rkey, *did, *call;

	if (!quote || plat_get(in->values, "quote_uri"))
		return false;
	if (!bluesky_quote_parse(in->arena, quote, &authority, &rkey)) {
		plat_fail(out, PLAT_PERMANENT, "bluesky: what is to be quoted is no address of a post");
		return true;
	}
	did = strncmp(authority, "did:", 4) ? plat_get(in->values, "quote_did") : authority;
	if (is_own(in, authority)) {
		bluesky_get_record(in, out, "quote", rkey);
	} else if (!did) {
		const char *handle = wire_percent(in->arena, authority, "");
		call = arena_fmt(in->arena, "com.atproto.identity.resolveHandle?handle=%s", wire_str(handle));
		bluesky_request(in, out, "quote.author", PLAT_NONE, PLAT_GET, bluesky_pds(in), wire_str(call));
	} else {
		const char *uri = wire_percent(in->arena, wire_str(arena_fmt(in->arena, AT "%s/" BLUESKY_COLLECTION "/%s", did, rkey)), "");
		call = arena_fmt(in->arena, "app.bsky.feed.getPosts?uris=%s", wire_str(uri));
		bluesky_request(in, out, "quote", PLAT_NONE, PLAT_GET, bluesky_option(in, BLUESKY_READ_URL), wire_str(call));
	}
	return true;
}

static bool missing(const struct plat_in *in, struct plat_out *out)
{
	plat_fail(out, PLAT_PERMANENT, arena_fmt(in->arena, "bluesky: the post to be quoted is not there: %s",
	                                         wire_str(wire_excerpt(in->arena, in->content->quote, strlen(in->content->quote), 200))));
	return true;
}

static bool author_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const char *did = json_get_text(answer->json, "did");

	if (answer->status == 200 && did && !strncmp(did, "did:", 4)) {
		plat_set(in->values, "quote_did", did);
		return false;
	}
	if (answer->status >= 400 && answer->status < 500 && bluesky_rule(answer)->klass == PLAT_PERMANENT)
		return missing(in, out);
	bluesky_refuse(in, out, "the question for the author of the quoted post", answer);
	return true;
}

static bool post_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer)
{
	const struct json *posts = json_get(answer->json, "posts"), *post = posts ? json_first(posts) : answer->json;
	const char *uri = json_get_text(post, "uri"), *cid = json_get_text(post, "cid");

	if (answer->status == 200 && uri && cid) {
		plat_set(in->values, "quote_uri", uri);
		plat_set(in->values, "quote_cid", cid);
		return false;
	}
	if ((answer->status == 200 && json_kind(posts) == JSON_ARRAY) || bluesky_rule(answer)->act == BLUESKY_ABSENT)
		return missing(in, out);
	bluesky_refuse(in, out, "the read of the quoted post", answer);
	return true;
}

bool bluesky_quote_answer(const struct plat_in *in, struct plat_out *out, const struct wire_answer *answer, bool *filled)
{
	*filled = false;
	if (!in->content->quote)
		return false;
	if (wire_step_is(in->response_step, "quote.author", NULL))
		*filled = author_answer(in, out, answer);
	else if (wire_step_is(in->response_step, "quote", NULL))
		*filled = post_answer(in, out, answer);
	else
		return false;
	return true;
}

/* Handles may change hands; a record key with its author's DID, or alone where only a handle was given, is enough beside the text. */
bool bluesky_same_quote(const struct plat_in *in, size_t n, const struct json *embed)
{
	const char *quote = n ? NULL : in->content->quote, *authority, *rkey, *theirs;
	const char *beside = json_text(json_path(embed, "record.record.uri")), *alone = json_text(json_path(embed, "record.uri"));
	const char *slash;

	theirs = beside ? beside : alone;
	if (!quote || !theirs)
		return !quote && !theirs;
	slash = strrchr(theirs, '/');
	return bluesky_quote_parse(in->arena, quote, &authority, &rkey) && slash && !strcmp(slash + 1, rkey) &&
	       (strncmp(authority, "did:", 4) || strstr(theirs, authority));
}
