/* bluesky.c: a small personal data server of the AT Protocol: sessions, blobs, records under keys that the client chooses. After the
 * contract's chapters 1 to 4. The same record again changes nothing; another one under a key that is taken is refused. */
#include "tests/cli/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSTS "app.bsky.feed.post"
#define TEXT_MAX_GRAPHEMES 300
#define TEXT_MAX_BYTES 3000
#define BLOB_MAX_BYTES 52428800
#define IMAGE_MAX_BYTES 2000000

static struct { int forget_blobs; } bluesky;

static void error(struct sim_reply *r, int status, const char *name, const char *message)
{
	sim_answer(r, status, "{\"error\":\"%s\"}", name);
	sim_set(r->json, "message", message);
}

static const char *did_of(int account, char out[48])
{
	snprintf(out, 48, "did:plc:abcdefghijklmnopqrstuvw%c", 'a' + account);
	return out;
}

/* ---- sessions: the account's token is its app password ---- */

static void say_session(struct sim *s, struct sim_reply *r, struct sim_grant *g)
{
	char text[80], did[48], *middle;

	snprintf(text, sizeof text, "{\"exp\":%" PRId64 ",\"n\":%d}", sim_now_ms() / 1000 + 7200, s->grant_count);
	middle = sim_base64(text, strlen(text), true);
	free(g->access);
	g->access = sim_need(malloc(strlen(middle) + 5));
	sprintf(g->access, "h.%s.s", middle);
	sim_answer(r, 200, "{\"did\":\"%s\",\"handle\":\"acme%d.example\",\"active\":true,\"emailConfirmed\":true,\"accessJwt\":\"%s\",\"refreshJwt\":\"%s\","
		   "\"didDoc\":{\"id\":\"%s\",\"service\":[{\"id\":\"#atproto_pds\",\"type\":\"AtprotoPersonalDataServer\","
		   "\"serviceEndpoint\":\"http://127.0.0.1:%d\"}]}}", did_of(g->account, did), g->account, g->access, g->refresh, did, s->port);
	free(middle);
}

static void create_session(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	bool ended;
	int account = sim_account(s, sim_text(q->json, "password"), &ended);

	if (sim_bad_member(q->json, "identifier:s password:s authFactorToken:s") || !*sim_text(q->json, "identifier") || account < 0)
		error(r, 401, "AuthenticationRequired", "Invalid identifier or password");
	else
		say_session(s, r, sim_grant(s, account));
}

/* The old refresh token stays usable for two hours. */
static void refresh_session(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	struct sim_grant *g = q->body_len ? NULL : sim_refresh(s, q->token, false);

	if (q->body_len)
		error(r, 400, "InvalidRequest", "A request body was provided when none was expected");
	else if (!g)
		error(r, 400, "ExpiredToken", "Token has been revoked");
	else
		say_session(s, r, g);
}

static void get_session(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char did[48];

	(void)s;
	sim_answer(r, 200, "{\"did\":\"%s\",\"handle\":\"acme%d.example\",\"active\":true}", did_of(q->account, did), q->account);
}

static void resolve(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)s;
	if (sim_arg(q, "handle") && strcmp(sim_arg(q, "handle"), "bob.example") == 0)
		sim_answer(r, 200, "{\"did\":\"did:plc:bobbobbobbobbobbobbobbob\"}");
	else
		error(r, 400, "InvalidRequest", "Unable to resolve handle");
}

/* ---- blobs ---- */

static void upload(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *type = sim_header(q, "Content-Type");
	char hash[65], link[72];
	cJSON *m;

	if (!q->body_len || q->body_len > BLOB_MAX_BYTES || !type) {
		error(r, q->body_len ? 413 : 400, q->body_len ? "PayloadTooLarge" : "InvalidRequest", "request entity");
		return;
	}
	sim_hash(q->body, q->body_len, hash);
	snprintf(link, sizeof link, "bafkrei%.52s", hash);
	if (!sim_find(s, "media", link)) {
		m = sim_add(s, "media", link, q->account);
		sim_set(m, "mime", type);
		sim_set_number(m, "size", (int64_t)q->body_len);
		sim_set(m, "sha256", hash);
	}
	sim_answer(r, 200, "{\"blob\":{\"$type\":\"blob\",\"ref\":{\"$link\":\"%s\"},\"mimeType\":\"%s\",\"size\":%zu}}", link, type, q->body_len);
}

/* Every blob below o; false: one is not there. */
static bool blobs_good(struct sim *s, const cJSON *o, cJSON *files, struct sim_reply *r)
{
	const char *link = sim_text(cJSON_GetObjectItem(o, "ref"), "$link");
	const cJSON *v;
	char text[160];

	if (strcmp(sim_text(o, "$type"), "blob") == 0) {
		const cJSON *m = bluesky.forget_blobs > 0 ? NULL : sim_find(s, "media", link);

		sim_take(&bluesky.forget_blobs);
		snprintf(text, sizeof text, "Could not find blob: %.80s", link);
		if (!m)
			error(r, 400, "BlobNotFound", text);
		else if (strncmp(sim_text(m, "mime"), "image/", 6) == 0 && sim_number(m, "size") > IMAGE_MAX_BYTES)
			error(r, 400, "InvalidRequest", "Invalid " POSTS " record: the image is too large");
		else
			cJSON_AddItemToArray(files, cJSON_Duplicate(m, true));
	}
	cJSON_ArrayForEach(v, o)
		if (!r->status && (cJSON_IsObject(v) || cJSON_IsArray(v)))
			blobs_good(s, v, files, r);
	return r->status == 0;
}

/* ---- records ---- */

static bool key_good(const char *rkey)
{
	return strlen(rkey) == 13 && strchr("234567abcdefghij", rkey[0]) && strspn(rkey, "234567abcdefghijklmnopqrstuvwxyz") == 13;
}

static bool facets_good(const cJSON *record)
{
	int64_t last = 0, bytes = (int64_t)strlen(sim_text(record, "text"));
	const cJSON *f;

	cJSON_ArrayForEach(f, cJSON_GetObjectItem(record, "facets")) {
		int64_t from = sim_number(cJSON_GetObjectItem(f, "index"), "byteStart"), to = sim_number(cJSON_GetObjectItem(f, "index"), "byteEnd");

		if (from < last || to <= from || to > bytes)
			return false;
		last = to;
	}
	return true;
}

static bool embed_good(const cJSON *embed)
{
	const cJSON *images = cJSON_GetObjectItem(embed, "images"), *v;

	if (images && (cJSON_GetArraySize(images) < 1 || cJSON_GetArraySize(images) > 4))
		return false;
	cJSON_ArrayForEach(v, images)
		if (!cJSON_IsString(cJSON_GetObjectItem(v, "alt")) || sim_bad_member(v, "image:o alt:s aspectRatio:o"))
			return false;
	if (strcmp(sim_text(embed, "$type"), "app.bsky.embed.external") == 0)
		return *sim_text(cJSON_GetObjectItem(embed, "external"), "uri") && cJSON_IsString(sim_at(embed, "external.title")) &&
		       cJSON_IsString(sim_at(embed, "external.description"));
	return true;
}

static bool record_good(const cJSON *o, struct sim_reply *r)
{
	const char *text = sim_text(o, "text"), *created = sim_text(o, "createdAt");

	if (sim_bad_member(o, "$type:s text:s createdAt:s langs:a facets:a tags:a reply:o embed:o labels:o") || strcmp(sim_text(o, "$type"), POSTS) != 0 ||
	    !cJSON_IsString(cJSON_GetObjectItem(o, "text")) || strlen(created) < 20 || created[10] != 'T' || created[strlen(created) - 1] != 'Z')
		error(r, 400, "InvalidRequest", "Invalid " POSTS " record: $type, text or createdAt");
	else if (sim_graphemes(text) < 0 || sim_graphemes(text) > TEXT_MAX_GRAPHEMES || strlen(text) > TEXT_MAX_BYTES)
		error(r, 400, "InvalidRequest", "Invalid " POSTS " record: string too big at $.record.text");
	else if (!facets_good(o) || !embed_good(cJSON_GetObjectItem(o, "embed")) || cJSON_GetArraySize(cJSON_GetObjectItem(o, "langs")) > 3)
		error(r, 400, "InvalidRequest", "Invalid " POSTS " record: facets, embed or langs");
	return r->status == 0;
}

static bool parents_good(struct sim *s, const cJSON *o, struct sim_reply *r)
{
	static const char *const ends[] = { "root", "parent" };
	const cJSON *reply = cJSON_GetObjectItem(o, "reply");

	for (size_t i = 0; reply && i < SIM_COUNT(ends); i++) {
		const cJSON *end = cJSON_GetObjectItem(reply, ends[i]), *p = sim_find(s, "posts", sim_text(end, "uri"));

		if (p && strcmp(sim_text(p, "cid"), sim_text(end, "cid")) == 0)
			continue;
		error(r, 400, "InvalidRequest", "simulator: the reply's root or parent does not stand here under this cid");
		return false;
	}
	return true;
}

static void say_record(struct sim_reply *r, const cJSON *p, bool changed)
{
	sim_answer(r, 200, "{\"uri\":\"%s\",\"cid\":\"%s\",\"validationStatus\":\"valid\"}", sim_text(p, "id"), sim_text(p, "cid"));
	if (changed)
		cJSON_AddItemToObject(r->json, "commit", cJSON_Parse("{\"cid\":\"bafyreibbb\",\"rev\":\"3n2trvuqx2k2b\"}"));
}

static void record_add(struct sim *s, struct sim_request *q, const char *uri, const cJSON *record, cJSON *files, struct sim_reply *r)
{
	char *text = sim_need(cJSON_PrintUnformatted(record)), hash[65], cid[72];
	cJSON *p = sim_add(s, "posts", uri, q->account);

	sim_hash(text, strlen(text), hash);
	snprintf(cid, sizeof cid, "bafyrei%.52s", hash);
	sim_set(p, "cid", cid);
	sim_set(p, "text", sim_text(record, "text"));
	sim_set(p, "parent", cJSON_GetObjectItem(record, "reply") ? sim_text(sim_at(record, "reply.parent"), "uri") : NULL);
	cJSON_AddItemToObject(p, "record", cJSON_Duplicate(record, true));
	cJSON_AddItemToObject(p, "media", cJSON_Duplicate(files, true));
	say_record(r, p, true);
	free(text);
}

static void put_record(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const cJSON *record = cJSON_GetObjectItem(q->json, "record"), *there;
	const char *rkey = sim_text(q->json, "rkey");
	cJSON *files = cJSON_CreateArray();
	char did[48], uri[120], text[120];

	did_of(q->account, did);
	snprintf(uri, sizeof uri, "at://%s/" POSTS "/%.20s", did, rkey);
	there = sim_find(s, "posts", uri);
	if (sim_bad_member(q->json, "repo:s collection:s rkey:s validate:b swapRecord:S swapCommit:S record:o") ||
	    strcmp(sim_text(q->json, "collection"), POSTS) != 0)
		error(r, 400, "InvalidRequest", "Input: a member that is not known, or another collection");
	else if (strcmp(sim_text(q->json, "repo"), did) != 0)
		error(r, 400, "InvalidRequest", "Could not find repo");
	else if (!key_good(rkey))
		error(r, 400, "InvalidRequest", "Invalid record key for " POSTS);
	else if (record_good(record, r) && parents_good(s, record, r) && blobs_good(s, record, files, r)) {
		snprintf(text, sizeof text, "Record was at %.72s", sim_text(there, "cid"));
		if (!there)
			record_add(s, q, uri, record, files, r);
		else if (cJSON_Compare(cJSON_GetObjectItem(there, "record"), record, true))
			say_record(r, there, false);
		else if (cJSON_GetObjectItem(q->json, "swapRecord"))
			error(r, 400, "InvalidSwap", text);
		else
			error(r, 400, "InvalidRequest", "simulator: a record that stands is not overwritten here");
	}
	cJSON_Delete(files);
}

static cJSON *record_json(const cJSON *p)
{
	cJSON *o = cJSON_CreateObject();

	sim_set(o, "uri", sim_text(p, "id"));
	sim_set(o, "cid", sim_text(p, "cid"));
	cJSON_AddItemToObject(o, "value", cJSON_Duplicate(cJSON_GetObjectItem(p, "record"), true));
	return o;
}

static void get_record(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *repo = sim_arg(q, "repo"), *rkey = sim_arg(q, "rkey"), *collection = sim_arg(q, "collection");
	const cJSON *p;
	char uri[160];

	snprintf(uri, sizeof uri, "at://%.48s/%.40s/%.20s", repo ? repo : "", collection ? collection : "", rkey ? rkey : "");
	p = sim_find(s, "posts", uri);
	if (!p) {
		error(r, 400, "RecordNotFound", "Could not locate record");
		return;
	}
	r->status = 200;
	r->json = record_json(p);
}

/* The newest key first. */
static void list_records(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	const char *limit = sim_arg(q, "limit"), *repo = sim_arg(q, "repo"), *cursor = sim_arg(q, "cursor"), *last = cursor ? cursor : "z", *rkey;
	int left = limit ? atoi(limit) : 50;
	cJSON *list;

	if (sim_bad_field(q, "repo collection limit cursor reverse") || left < 1 || left > 100 || !repo) {
		error(r, 400, "InvalidRequest", "repo, collection, limit");
		return;
	}
	sim_answer(r, 200, "{}");
	list = cJSON_AddArrayToObject(r->json, "records");
	while (left-- > 0) {
		const cJSON *p, *best = NULL;
		const char *key = "";

		cJSON_ArrayForEach(p, sim_book(s, "posts")) {
			rkey = strrchr(sim_text(p, "id"), '/') + 1;
			if (strstr(sim_text(p, "id"), repo) && strcmp(rkey, last) < 0 && strcmp(rkey, key) > 0 && !cJSON_IsTrue(cJSON_GetObjectItem(p, "deleted"))) {
				best = p;
				key = rkey;
			}
		}
		if (!best)
			return;
		cJSON_AddItemToArray(list, record_json(best));
		sim_set(r->json, "cursor", key);
		last = key;
	}
}

static void delete_record(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	char did[48], uri[120];
	cJSON *p;

	snprintf(uri, sizeof uri, "at://%s/" POSTS "/%.20s", did_of(q->account, did), sim_text(q->json, "rkey"));
	p = sim_find(s, "posts", uri);
	if (p)
		cJSON_ReplaceItemInObject(p, "deleted", cJSON_CreateTrue());
	sim_answer(r, 200, "{}");
}

/* ---- the table ---- */

static void headers(struct sim *s, struct sim_request *q, struct sim_reply *r)
{
	(void)q;
	sim_header_add(r, "RateLimit-Limit", "3000");
	sim_header_add(r, "RateLimit-Remaining", "%d", r->status == 429 ? 0 : 2900);
	sim_header_add(r, "RateLimit-Reset", "%" PRId64, sim_now_ms() / 1000 + s->sw.rate_reset_s);
	sim_header_add(r, "RateLimit-Policy", "3000;w=300");
}

static const struct sim_route routes[] = {
	{ "POST", "/xrpc/com.atproto.server.createSession", create_session, 0 },
	{ "POST", "/xrpc/com.atproto.server.refreshSession", refresh_session, 0 },
	{ "GET", "/xrpc/com.atproto.server.getSession", get_session, SIM_TOKEN },
	{ "GET", "/xrpc/com.atproto.identity.resolveHandle", resolve, 0 },
	{ "POST", "/xrpc/com.atproto.repo.uploadBlob", upload, SIM_TOKEN | SIM_UPLOAD },
	{ "POST", "/xrpc/com.atproto.repo.putRecord", put_record, SIM_TOKEN | SIM_ACT },
	{ "GET", "/xrpc/com.atproto.repo.getRecord", get_record, SIM_READ },
	{ "GET", "/xrpc/com.atproto.repo.listRecords", list_records, SIM_READ },
	{ "POST", "/xrpc/com.atproto.repo.deleteRecord", delete_record, SIM_TOKEN },
};

#define KNOB(name) { #name, &bluesky.name }
static const struct sim_knob knobs[] = { KNOB(forget_blobs) };

#define ERROR(name, message) "{\"error\":\"" name "\",\"message\":\"" message "\"}"
static const struct sim_words words[SIM_REFUSALS] = {
	[SIM_NO_ROUTE] = { 501, ERROR("MethodNotImplemented", "Method Not Implemented") },
	[SIM_TOO_LARGE] = { 413, ERROR("PayloadTooLarge", "request entity too large") },
	[SIM_UNAUTHORIZED] = { 401, ERROR("AuthMissing", "Authentication Required") },
	[SIM_EXPIRED] = { 400, ERROR("ExpiredToken", "Token has expired") },
	[SIM_FORBIDDEN] = { 403, ERROR("AccountNotFound", "Account not found") },
	[SIM_RATE] = { 429, ERROR("RateLimitExceeded", "Rate Limit Exceeded") },
	[SIM_BUSY] = { 503, ERROR("NotEnoughResources", "Not Enough Resources") },
	[SIM_BROKEN] = { 500, ERROR("InternalServerError", "Internal Server Error") },
};

const struct sim_platform sim_bluesky = {
	.name = "bluesky", .routes = routes, .route_count = SIM_COUNT(routes), .knobs = knobs, .knob_count = SIM_COUNT(knobs), .words = words,
	.headers = headers,
};
