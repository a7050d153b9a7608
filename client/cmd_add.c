/* cmd_add.c: queueing a post. The request carries a key, given or invented; so a broken connection is no doubt: the
 * same line is sent once more, and the daemon knows whether it has it already. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/command.h"
#include "client/content.h"
#include "client/talk.h"
#include "client/when.h"
#include "proto/status.h"

#define REOPEN_MS 2000       /* a daemon that restarts is back within this, or the answer counts as lost */

static int check(struct client *c)
{
	const struct args *a = &c->args;

	if (!args_has(a, "account"))
		return out_fail(&c->out, ST_USAGE, "say where to: -a ACCOUNT[,ACCOUNT...] (smmq account lists them)");
	if (args_has(a, "at") && args_has(a, "now"))
		return out_fail(&c->out, ST_USAGE, "--at and --now exclude each other");
	if (args_has(a, "draft") && args_has(a, "hold"))
		return out_fail(&c->out, ST_USAGE, "--draft and --hold exclude each other");
	return 0;
}

static int write_accounts(struct client *c, struct json_writer *w)
{
	jw_array(w, "accounts");
	for (size_t i = 0; i < c->args.hit_count; i++) {
		const char *names = c->args.hits[i].value;

		if (strcmp(c->args.hits[i].option->name, "account") != 0)
			continue;
		for (;;) {
			size_t len = strcspn(names, ",");

			if (len == 0)
				return out_fail(&c->out, ST_USAGE, "-a \"%s\": an account's name is empty", c->args.hits[i].value);
			jw_strn(w, NULL, names, len);
			if (!names[len])
				break;
			names += len + 1;
		}
	}
	jw_end(w);
	return 0;
}

static int write_request(struct client *c, const struct content *content, const char *key, struct buf *line)
{
	static const struct { const char *option, *key; } texts[] = {
		{ "at", "at" }, { "past", "past" }, { "late", "late" }, { "max-late", "max_late" }, { "expires", "expires" },
	};
	static const char *const flags[] = { "now", "hold", "draft" };
	struct json_writer w;
	int rc;

	talk_line_begin(line, &w, VERB_ADD, NULL);
	rc = write_accounts(c, &w);
	if (rc != 0)
		return rc;
	content_write(c, content, &w);
	rc = extra_write_for(c, content, &w);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (args_has(&c->args, texts[i].option))
			jw_str(&w, texts[i].key, args_value(&c->args, texts[i].option));
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (args_has(&c->args, flags[i]))
			jw_bool(&w, flags[i], true);
	if (args_has(&c->args, "dry-run"))
		jw_bool(&w, "dry_run", true);
	if (key)
		jw_str(&w, "key", key);
	return talk_line_end(c, line, &w);
}

/* 48 bits of time, then chance, as in RFC 9562's version 7: keys made one after the other are neighbours in the store. */
static int invent_key(struct client *c, char key[33])
{
	unsigned char random[16];
	struct timespec now;
	size_t have = 0;

	while (have < sizeof random) {
		ssize_t n = getrandom(random + have, sizeof random - have, 0);

		if (n < 0 && errno != EINTR)
			return out_fail(&c->out, ST_IO, "no random number for the key: %s; give one with --key", strerror(errno));
		have += n > 0 ? (size_t)n : 0;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < 6; i++)
		random[i] = (unsigned char)(((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000) >> (8 * (5 - i)));
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(key + 2 * i, 3, "%02x", random[i]);
	return 0;
}

/* Two tries. `left` remembers that a whole request was once on its way: from then on only an answer can say what it
 * did. */
static int send_add(struct client *c, const struct buf *line, const char *key, struct answer *a)
{
	bool left = false;
	int rc = talk_connect(c);

	if (rc != 0)
		return rc;
	rc = talk_exchange(c, line, a, CONN_ANSWER_MS, NULL, NULL);
	if (rc == -ST_UNREACHABLE || rc == -ST_ANSWER_LOST) {
		left = rc == -ST_ANSWER_LOST;
		out_note(&c->out, "smmq: the connection broke; asking once more with the same key");
		rc = conn_reopen(&c->conn, REOPEN_MS);
		if (rc == 0)
			rc = talk_exchange(c, line, a, CONN_ANSWER_MS, NULL, NULL);
	}
	left = left || rc == -ST_ANSWER_LOST || rc == CONN_QUIET;
	if (rc == 0 && a->kind == ANSWER_OK)
		return 0;
	if (rc == 0) {
		rc = out_refused(&c->out, a, NULL);
		answer_done(a);
		return rc;
	}
	if (!left || !key)
		return out_fail(&c->out, rc == -ST_NO_MEMORY ? ST_NO_MEMORY : ST_UNREACHABLE,
			"the daemon did not answer: %s; nothing was queued", buf_cstr(&c->conn.why));
	return out_fail_key(&c->out, ST_ANSWER_LOST, key,
		"the answer was lost: %s; whether the post is queued is not known. "
		"Give the same command again with --key %s: it is never queued twice",
		buf_cstr(&c->conn.why), key);
}

static void print_facets(struct out *o, const struct json *part)
{
	for (const struct json *f = json_first(json_get(part, "facets")); f; f = json_next(f)) {
		const char *kind = json_get_text(f, "kind"), *value = json_get_text(f, "value");

		out_fmt(o, "    ");
		out_text(o, kind ? kind : "facet");
		out_fmt(o, " ");
		out_text(o, value);
		out_fmt(o, "\n");
	}
}

static void print_part(struct out *o, const struct json *part, size_t number, size_t count)
{
	const char *unit = json_get_text(part, "unit");
	int64_t used = 0, limit = 0, remaining = 0, bytes, byte_limit;

	(void)json_get_int(part, "used", &used);
	out_fmt(o, "  ");
	if (count > 1)
		out_fmt(o, "part %zu of %zu: ", number, count);
	if (json_get_int(part, "limit", &limit) == 0 && limit > 0) {
		if (json_get_int(part, "remaining", &remaining) < 0)
			remaining = limit - used;
		out_fmt(o, "%lld of %lld ", (long long)used, (long long)limit);
		out_text(o, unit ? unit : "characters");
		out_fmt(o, remaining >= 0 ? ", %lld left" : ", %lld too many",
			(long long)(remaining >= 0 ? remaining : -remaining));
	} else {
		out_fmt(o, "%lld ", (long long)used);
		out_text(o, unit ? unit : "characters");
	}
	if (json_get_int(part, "bytes", &bytes) == 0 && json_get_int(part, "byte_limit", &byte_limit) == 0 &&
		byte_limit > 0)
		out_fmt(o, "; %lld of %lld bytes", (long long)bytes, (long long)byte_limit);
	out_fmt(o, "\n");
	out_block(o, "  | ", json_get_text(part, "text"));
	print_facets(o, part);
}

static void print_messages(struct out *o, const struct json *list, const char *word, enum out_color color)
{
	for (const struct json *m = json_first(list); m; m = json_next(m)) {
		const char *text = json_kind(m) == JSON_STRING ? json_text(m) : json_get_text(m, "message");

		out_fmt(o, "  ");
		out_color(o, color, word);
		out_fmt(o, ": ");
		out_text(o, text ? text : "?");
		out_fmt(o, "\n");
	}
}

static int print_preview(struct client *c, const struct answer *a)
{
	struct out *o = &c->out;
	bool ok = json_true(json_get(a->json, "ok"), false);

	if (o->json)
		out_json(o, a->text, a->len);
	for (const struct json *t = json_first(json_get(a->json, "targets")); t && !o->json; t = json_next(t)) {
		const struct json *parts = json_get(t, "parts");
		size_t number = 0, count = json_count(parts);
		char when[WHEN_SIZE];

		out_color(o, COLOR_HEAD, json_get_text(t, "account"));
		out_fmt(o, " (");
		out_text(o, json_get_text(t, "platform"));
		out_fmt(o, "): ");
		out_text(o, when_full(t, when));
		out_fmt(o, "\n");
		for (const struct json *p = json_first(parts); p; p = json_next(p))
			print_part(o, p, ++number, count);
		print_messages(o, json_get(t, "warnings"), "warning", COLOR_WARN);
		print_messages(o, json_get(t, "findings"), "refused", COLOR_BAD);
	}
	if (ok) {
		out_note(o, "This would be queued; nothing was.");
		return 0;
	}
	out_note(o, "This would be refused; nothing was queued.");
	return status_info(ST_REFUSED)->exit_status;
}

static int print_added(struct client *c, const struct answer *a)
{
	char digits[24];
	const char *id = json_get_id(a->json, "id", digits);

	if (c->out.json) {
		out_json(&c->out, a->text, a->len);
	} else {
		out_text(&c->out, id);
		out_fmt(&c->out, "\n");
	}
	out_flush(&c->out);
	if (c->out.error)
		out_note(&c->out, "queued as %s", id ? id : "?");
	if (json_true(json_get(a->json, "repeated"), false))
		out_note(&c->out, "this key was queued before; nothing was added");
	when_echo(&c->out, a->json);
	return 0;
}

int cmd_add(struct client *c)
{
	bool dry_run = args_has(&c->args, "dry-run");
	const char *given = args_value(&c->args, "key");
	struct buf line = BUF_INIT(LINE_MAX_BYTES + 64);
	struct content content;
	struct answer a;
	char invented[33];
	int rc = check(c);

	if (rc != 0)
		return rc;
	rc = content_read(c, &content, 0, true);
	if (rc == 0 && !given && !dry_run)
		rc = invent_key(c, invented);
	if (rc == 0)
		rc = cmd_media_put(c, &content.media);
	if (rc == 0)
		rc = write_request(c, &content, dry_run ? NULL : given ? given : invented, &line);
	if (rc == 0)
		rc = send_add(c, &line, dry_run ? NULL : given ? given : invented, &a);
	if (rc == 0) {
		rc = dry_run ? print_preview(c, &a) : print_added(c, &a);
		answer_done(&a);
	}
	buf_done(&line);
	content_done(&content);
	return rc;
}
