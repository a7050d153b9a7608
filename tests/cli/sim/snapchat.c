/* snapchat.c: Snapchat's Public Profile API: files that the client has encrypted, in parts; stories, saved stories and Spotlight. After
 * the contract's chapters 1 to 4. A story has no id but that of its media. */
#include "tests/cli/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define PART_MAX_BYTES 32000000
#define PARTS_MAX 35
#define PICTURE_MAX_BYTES (20 * 1024 * 1024)

static struct { int not_listed, not_ready, lag_ms, no_list; } snapchat;

static void error(struct sim_reply *r, int status, const char *code, const char *message)
{
	sim_answer(r, status, "{\"request_status\":\"ERROR\",\"request_id\":\"5f00\",\"error_code\":\"%s\"}", code);
	sim_set(r->json, "debug_message", message);
	sim_set(r->json, "display_message", message);
}

static void good(struct sim_reply *r)
{
	sim_answer(r, 200, "{\"request_status\":\"SUCCESS\",\"request_id\":\"5f01\"}");
}

static bool profile_good(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char own[24];

	snprintf(own, sizeof own, "p-uuid-%d", q->account);
	if (snapchat.not_listed)
		sim_refuse(s, r, SIM_FORBIDDEN);
	else if (strcmp(q->ids[0], own) != 0)
		sim_refuse(s, r, SIM_NO_ROUTE);
	return r->status == 0;
}

static void token(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *kind = sim_arg(q, "grant_type");
	const struct sim_grant *g = NULL;

	if (kind && strcmp(kind, "refresh_token") == 0 && sim_arg(q, "client_id") && sim_arg(q, "client_secret") &&
	    !sim_bad_field(q, "grant_type client_id client_secret refresh_token"))
		g = sim_refresh(s, sim_arg(q, "refresh_token"), true);
	if (!g)
		sim_answer(r, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"invalid\"}");
	else
		sim_answer(r, 200, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"refresh_token\":\"%s\",\"scope\":"
			   "\"snapchat-profile-api snapchat-marketing-api\"}", g->access, g->refresh);
}

static void my_profile(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	if (snapchat.not_listed)
		sim_refuse(s, r, SIM_FORBIDDEN);
	else
		sim_answer(r, 200, "{\"request_status\":\"SUCCESS\",\"request_id\":\"5f10\",\"public_profiles\":[{\"sub_request_status\":\"SUCCESS\","
			   "\"public_profile\":{\"id\":\"p-uuid-%d\",\"display_name\":\"Shop One\",\"snap_user_name\":\"shopone\"}}]}", q->account);
}

/* ---- files ---- */

static bool bytes_of(const char *text, size_t want)
{
	size_t len = 0;
	char *data = sim_unbase64(text, &len);

	free(data);
	return data && len == want;
}

static void media_new(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *type = sim_text(q->json, "type");
	char id[40], number[24], path[120];
	cJSON *m;

	if (!profile_good(s, q, r))
		return;
	if (sim_bad_member(q->json, "type:s name:s key:s iv:s") || (strcmp(type, "VIDEO") != 0 && strcmp(type, "IMAGE") != 0) ||
	    !bytes_of(sim_text(q->json, "key"), 32) || !bytes_of(sim_text(q->json, "iv"), 16)) {
		error(r, 400, "E1001", "type, name, key of 32 and iv of 16 bytes");
		return;
	}
	snprintf(id, sizeof id, "m-uuid-%s", sim_next_id(s, number));
	m = sim_add(s, "media", id, q->account);
	sim_set(m, "type", type);
	sim_set(m, "key", sim_text(q->json, "key"));
	sim_set(m, "iv", sim_text(q->json, "iv"));
	sim_set(m, "state", "open");
	snprintf(path, sizeof path, "/us/v1/public_profiles/%s/media/%s/multipart-upload", q->ids[0], id);
	good(r);
	sim_set(r->json, "media_id", id);
	sim_set(r->json, "add_path", path);
	sim_set(r->json, "finalize_path", path);
}

/* What the client encrypted, in the clear; NULL: it cannot be read. */
static char *decrypted(const cJSON *m, size_t *len)
{
	size_t n, ignored;
	char *all = sim_blob_join(sim_text(m, "id"), &n), *key = sim_unbase64(sim_text(m, "key"), &ignored);
	char *iv = sim_unbase64(sim_text(m, "iv"), &ignored), *out = sim_need(malloc(n + 32));
	EVP_CIPHER_CTX *c = sim_need(EVP_CIPHER_CTX_new());
	int first = 0, last = 0;
	bool fine = EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, (unsigned char *)key, (unsigned char *)iv) &&
	            EVP_DecryptUpdate(c, (unsigned char *)out, &first, (unsigned char *)all, (int)n) &&
	            EVP_DecryptFinal_ex(c, (unsigned char *)out + first, &last);

	EVP_CIPHER_CTX_free(c);
	free(all);
	free(key);
	free(iv);
	*len = (size_t)(first + last);
	if (fine)
		return out;
	free(out);
	return NULL;
}

static void finalize(struct sim_reply *r, cJSON *m)
{
	size_t len = 0;
	char *data = sim_blob_whole(sim_text(m, "id")) ? decrypted(m, &len) : NULL, hash[65];
	const char *mime = data ? sim_sniff(data, len) : NULL;
	bool picture = strcmp(sim_text(m, "type"), "IMAGE") == 0;

	if (!mime || (picture ? strcmp(mime, "image/jpeg") != 0 && strcmp(mime, "image/png") != 0 : strcmp(mime, "video/mp4") != 0) ||
	    (picture && len > PICTURE_MAX_BYTES)) {
		error(r, 400, "E1002", "the parts are missing or cannot be decrypted to a file of this type");
	} else {
		sim_hash(data, len, hash);
		sim_set(m, "sha256", hash);
		sim_set(m, "mime", mime);
		sim_set_number(m, "size", (int64_t)len);
		sim_set(m, "state", "ready");
		good(r);
		sim_set(r->json, "media_id", sim_text(m, "id"));
	}
	free(data);
}

static void upload(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const struct sim_field *file = sim_file(q, "file");
	const char *action = sim_arg(q, "action"), *part = sim_arg(q, "part_number");
	cJSON *m = sim_own(s, "media", q->ids[1], q->account);

	if (!profile_good(s, q, r))
		return;
	if (!m || strcmp(sim_text(m, "state"), "open") != 0 || !action || !q->multipart)
		error(r, 400, "E1003", "no container that is open, or no action");
	else if (strcmp(action, "FINALIZE") == 0 && !sim_bad_field(q, "action"))
		finalize(r, m);
	else if (strcmp(action, "ADD") != 0 || !file || !file->file || !part || atoi(part) < 1 || atoi(part) > PARTS_MAX || file->len > PART_MAX_BYTES ||
	         sim_bad_field(q, "action part_number file"))
		error(r, 400, "E1003", "a part: action=ADD, part_number from 1, file of at most 32 MB");
	else {
		sim_blob_put(q->ids[1], atoi(part) - 1, file->value, file->len);
		good(r);
	}
}

/* ---- what is public ---- */

static cJSON *ready(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *id, bool video)
{
	cJSON *m = sim_own(s, "media", id, q->account);

	if (!m || strcmp(sim_text(m, "state"), "open") == 0 || (video && strcmp(sim_text(m, "type"), "VIDEO") != 0))
		error(r, 400, "E1004", "the media does not exist or is not of this kind");
	else if (strcmp(sim_text(m, "state"), "posted") == 0)
		error(r, 409, "E1005", "MEDIA_POSTING_ALREADY_IN_PROGRESS");
	else if (sim_take(&snapchat.not_ready))
		error(r, 400, "E1006", "the media is not ready");
	return r->status ? NULL : m;
}

static void post_add(struct sim *s, struct sim_reply *r, cJSON *m, const char *id, const char *kind, const char *text)
{
	cJSON *p = sim_add(s, "posts", id, (int)sim_number(m, "account"));

	sim_set(p, "kind", kind);
	sim_set(p, "text", text);
	sim_set(p, "media_id", sim_text(m, "id"));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(p, "media"), cJSON_Duplicate(m, true));
	sim_set(m, "state", "posted");
	good(r);
}

static void story(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	cJSON *m;

	if (!profile_good(s, q, r))
		return;
	if (sim_bad_member(q->json, "media_id:s customized_ttl:s")) {
		error(r, 400, "E1007", "media_id, customized_ttl");
		return;
	}
	m = ready(s, q, r, sim_text(q->json, "media_id"), false);
	if (m)
		post_add(s, r, m, sim_text(m, "id"), "story", "");
}

static void saved_story(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *o = sim_at(q->json, "saved_stories.0");
	const char *title = sim_text(o, "title");
	char id[40], number[24];
	cJSON *m;

	if (!profile_good(s, q, r))
		return;
	if (cJSON_GetArraySize(cJSON_GetObjectItem(q->json, "saved_stories")) != 1 || sim_bad_member(o, "title:s snap_sources:a") || !*title ||
	    sim_utf16(title) > 45) {
		error(r, 400, "E1007", "one saved story with a title of 1 to 45 characters");
		return;
	}
	m = ready(s, q, r, sim_text(sim_at(o, "snap_sources.0"), "media_id"), false);
	if (!m)
		return;
	snprintf(id, sizeof id, "ss-uuid-%s", sim_next_id(s, number));
	post_add(s, r, m, id, "saved", title);
	sim_answer(r, 200, "{\"request_status\":\"SUCCESS\",\"request_id\":\"5f15\",\"saved_stories\":[{\"sub_request_status\":\"SUCCESS\",\"saved_story\":"
		   "{\"id\":\"%s\"}}]}", id);
}

static bool locale_good(const char *locale)
{
	return strlen(locale) == 5 && locale[2] == '_' && locale[0] >= 'a' && locale[0] <= 'z' && locale[3] >= 'A' && locale[3] <= 'Z';
}

static void spotlight(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *text = sim_text(q->json, "description");
	char id[40], number[24];
	cJSON *m;

	if (!profile_good(s, q, r))
		return;
	if (sim_bad_member(q->json, "media_id:s description:s locale:s skip_save_to_profile:b") || sim_utf16(text) > 160 || sim_utf16(text) < 0 ||
	    !locale_good(sim_text(q->json, "locale"))) {
		error(r, 400, "E1007", "description of at most 160 characters, locale");
		return;
	}
	m = ready(s, q, r, sim_text(q->json, "media_id"), true);
	if (!m)
		return;
	snprintf(id, sizeof id, "sp-uuid-%s", sim_next_id(s, number));
	post_add(s, r, m, id, "spotlight", text);
	sim_set(r->json, "spotlight_id", id);
}

/* ---- reading ---- */

static const struct { const char *edge, *kind, *list, *one, *text; } lists[] = {
	{ "stories", "story", "stories", "story", "title" },
	{ "saved_stories", "saved", "saved_stories", "saved_story", "title" },
	{ "spotlights", "spotlight", "spotlights", "spotlight", "description" },
};

static void add(cJSON *list, const cJSON *p, size_t k)
{
	cJSON *outer = cJSON_CreateObject(), *o;
	int64_t ms = sim_number(p, "received_ms");
	char day[24], text[32];

	sim_set(outer, "sub_request_status", "SUCCESS");
	o = cJSON_AddObjectToObject(outer, lists[k].one);
	sim_set(o, "id", sim_text(p, "id"));
	sim_set(o, "media_id", sim_text(p, "media_id"));
	sim_set(o, lists[k].text, sim_text(p, "text"));
	sim_set(o, "status", "LIVE");
	sim_time(ms, day);
	snprintf(text, sizeof text, "%s.%03dZ", day, (int)(ms % 1000));
	sim_set(o, "created_at", text);
	cJSON_InsertItemInArray(list, 0, outer);
}

static void list(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *one = q->ids[2];
	size_t k = 0;
	cJSON *list;
	const cJSON *p;

	while (k < SIM_COUNT(lists) && strcmp(lists[k].edge, q->ids[1]) != 0)
		k++;
	if (!profile_good(s, q, r))
		return;
	if (k == SIM_COUNT(lists) || snapchat.no_list) {
		sim_refuse(s, r, SIM_NO_ROUTE);
		return;
	}
	good(r);
	list = cJSON_AddArrayToObject(r->json, lists[k].list);
	cJSON_ArrayForEach(p, sim_book(s, "posts"))
		if (sim_number(p, "account") == q->account && strcmp(sim_text(p, "kind"), lists[k].kind) == 0 &&
		    sim_now_ms() - sim_number(p, "received_ms") >= snapchat.lag_ms && (!one || strcmp(sim_text(p, "id"), one) == 0))
			add(list, p, k);
	if (one && !cJSON_GetArraySize(list))
		sim_refuse(s, r, SIM_NO_ROUTE);
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	(void)q;
	if (r->status == 401)
		sim_header_add(r, "WWW-Authenticate", "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The access token expired\"");
}

static const struct sim_route routes[] = {
	{ "POST", "/login/oauth2/access_token", token, 0 },
	{ "GET", "/v1/public_profiles/my_profile", my_profile, SIM_TOKEN },
	{ "POST", "/v1/public_profiles/*/media", media_new, SIM_TOKEN },
	{ "POST", "/us/v1/public_profiles/*/media/*/multipart-upload", upload, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/v1/public_profiles/*/stories", story, SIM_TOKEN | SIM_ACT },
	{ "POST", "/v1/public_profiles/*/saved_stories", saved_story, SIM_TOKEN | SIM_ACT },
	{ "POST", "/v1/public_profiles/*/spotlights", spotlight, SIM_TOKEN | SIM_ACT },
	{ "GET", "/v1/public_profiles/*/*", list, SIM_TOKEN | SIM_READ },
	{ "GET", "/v1/public_profiles/*/*/*", list, SIM_TOKEN | SIM_READ },
};

#define KNOB(name) { #name, &snapchat.name }
static const struct sim_knob knobs[] = { KNOB(not_listed), KNOB(not_ready), KNOB(lag_ms), KNOB(no_list) };

#define ERROR(code, message) "{\"request_status\":\"ERROR\",\"request_id\":\"5f00\",\"debug_message\":\"" message "\",\"display_message\":\"" message \
	"\",\"error_code\":\"" code "\"}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 404, ERROR("E3003", "not found") },
	[SIM_TOO_LARGE] = { 413, "" },
	[SIM_UNAUTHORIZED] = { 401, "" },
	[SIM_EXPIRED] = { 401, "" },
	[SIM_FORBIDDEN] = { 403, ERROR("E1003", "AUTHORIZATION_PERMISSION_DENIED") },
	[SIM_RATE] = { 429, ERROR("E1429", "too many requests") },
	[SIM_BUSY] = { 503, "" },
	[SIM_BROKEN] = { 500, ERROR("E1500", "internal error") },
};

const struct sim_platform sim_snapchat = {
	.name = "snapchat", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
	.headers = headers,
};
