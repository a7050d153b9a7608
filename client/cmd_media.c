/* cmd_media.c: files on their way to the daemon. */
#include "client/cmd_media.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/talk.h"
#include "proto/status.h"
#include "proto/unit.h"

#define NAME_BYTES 100
#define PIECE_BYTES 65536

static int open_file(struct client *c, struct cmd_media_file *f)
{
	struct stat st;

	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return out_fail(&c->out, ST_INVALID, "%s: %s; nothing was queued", f->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return out_fail(
			&c->out, ST_INVALID, "%s: not a regular file; media must be one, since its size is sent first", f->path);
	if (st.st_size == 0)
		return out_fail(&c->out, ST_INVALID, "%s: the file is empty", f->path);
	f->size_bytes = (uint64_t)st.st_size;
	return 0;
}

/* Which option brings files, and for what. */
static const struct { const char *option; enum cmd_media_use use; } uses[] = {
	{ "media", CMD_MEDIA_POST }, { "link-image", CMD_MEDIA_CARD }, { "cover", CMD_MEDIA_COVER }, { "media-for", CMD_MEDIA_ACCOUNT },
};

/* 1: a file, 0: another option, negative: told. */
static int read_hit(struct client *c, const struct arg_hit *hit, struct cmd_media_file *f)
{
	size_t row = 0, len;

	while (row < sizeof uses / sizeof *uses && strcmp(uses[row].option, hit->option->name) != 0)
		row++;
	if (row == sizeof uses / sizeof *uses)
		return 0;
	*f = (struct cmd_media_file){ .path = hit->value, .use = uses[row].use, .fd = -1 };
	if (f->use != CMD_MEDIA_ACCOUNT)
		return 1;
	len = strcspn(hit->value, "=");
	if (len == 0 || hit->value[len] != '=' || !hit->value[len + 1]) {
		out_fail(&c->out, ST_USAGE, "--media-for wants ACCOUNT=FILE, not \"%s\"", hit->value);
		return -1;
	}
	f->account = hit->value;
	f->account_len = len;
	f->path = hit->value + len + 1;
	return 1;
}

int cmd_media_open(struct client *c, struct cmd_media *m)
{
	struct cmd_media_file *last = NULL;

	m->count = 0;
	for (size_t i = 0; i < c->args.hit_count; i++) {
		const struct arg_hit *hit = &c->args.hits[i];
		struct cmd_media_file f;
		int rc;

		if (strcmp(hit->option->name, "alt") == 0) {
			if (!last)
				return out_fail(&c->out, ST_USAGE, "--alt describes the file before it; there is none");
			if (last->alt)
				return out_fail(&c->out, ST_USAGE, "%s has two --alt texts; each stands behind its own -m", last->path);
			last->alt = hit->value;
			continue;
		}
		rc = read_hit(c, hit, &f);
		if (rc < 0)
			return status_info(ST_USAGE)->exit_status;
		if (rc == 0)
			continue;
		if (m->count == CMD_MEDIA_MAX)
			return out_fail(&c->out, ST_TOO_LARGE, "more than %d media files", CMD_MEDIA_MAX);
		last = &m->files[m->count++];
		*last = f;
		rc = open_file(c, last);
		if (rc != 0)
			return rc;
	}
	return 0;
}

void cmd_media_done(struct cmd_media *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->files[i].fd >= 0)
			close(m->files[i].fd);
	m->count = 0;
}

/* PUT's name is one word of the line: no blanks, no controls, nothing that could be taken for the JSON object. */
static void put_name(const char *path, char name[NAME_BYTES + 1])
{
	const char *base = strrchr(path, '/');
	size_t len, skip = 0;

	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > NAME_BYTES)
		skip = len - NAME_BYTES;      /* the end holds the suffix */
	for (len = 0; base[skip + len]; len++) {
		char b = base[skip + len];
		bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || strchr("._-+=,@", b);

		name[len] = plain ? b : '_';
	}
	name[len] = '\0';
	if (len == 0)
		strcpy(name, "file");
}

static int check_limits(struct client *c, const struct cmd_media *m)
{
	struct buf line = BUF_INIT(256);
	struct answer a;
	int64_t max_bytes = 0;
	int rc;

	buf_add_str(&line, "HELLO {\"client\":\"smmq\"}\n");
	rc = talk_request(c, VERB_HELLO, &line, &a, CONN_ANSWER_MS, NULL, NULL);
	buf_done(&line);
	if (rc != 0)
		return rc;
	if (json_get_int(json_get(a.json, "limits"), "max_media_bytes", &max_bytes) < 0 || max_bytes < 0)
		rc = out_fail(&c->out, ST_INTERNAL, "the daemon does not say how large media may be; nothing was queued");
	answer_done(&a);
	for (size_t i = 0; i < m->count && rc == 0; i++) {
		char size[64], limit[64];

		if (m->files[i].size_bytes > (uint64_t)max_bytes)
			rc = out_fail(&c->out, ST_TOO_LARGE, "%s: %s (%" PRIu64 " bytes), and the daemon takes at most %s "
				"(MediaMax=); nothing was sent", m->files[i].path,
				unit_size_format((int64_t)m->files[i].size_bytes, size, sizeof size), m->files[i].size_bytes,
				unit_size_format(max_bytes, limit, sizeof limit));
	}
	return rc;
}

/* The body. 0; -ST_INVALID: the file changed or cannot be read (told); -ST_UNREACHABLE: the daemon takes no more. */
static int send_body(struct client *c, const struct cmd_media_file *f)
{
	char piece[PIECE_BYTES];
	uint64_t left = f->size_bytes;

	while (left > 0) {
		ssize_t n = read(f->fd, piece, left < sizeof piece ? (size_t)left : sizeof piece);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			out_fail(&c->out, ST_INVALID, "%s: %s; nothing was queued", f->path,
				n < 0 ? strerror(errno) : "the file became shorter while it was sent");
			return -ST_INVALID;
		}
		/* an answer before the end can only be a refusal: stop sending and read it */
		if (conn_answer_waits(&c->conn) || conn_send(&c->conn, piece, (size_t)n) < 0)
			return -ST_UNREACHABLE;
		left -= (uint64_t)n;
	}
	return 0;
}

static int put_one(struct client *c, struct cmd_media_file *f)
{
	char name[NAME_BYTES + 1], line[NAME_BYTES + 40];
	const char *id;
	struct answer a = { .json = NULL };
	int rc;

	put_name(f->path, name);
	snprintf(line, sizeof line, "PUT %s %" PRIu64 "\n", name, f->size_bytes);
	rc = conn_send(&c->conn, line, strlen(line));
	if (rc == 0) {
		rc = send_body(c, f);
		if (rc == -ST_INVALID)
			return status_info(ST_INVALID)->exit_status;
	}
	/* a daemon that refuses answers and closes: its reason may be waiting although sending failed */
	rc = conn_read(&c->conn, &a, CONN_ANSWER_MS);
	if (rc != 0)
		return out_fail(&c->out, rc == -ST_NO_MEMORY ? ST_NO_MEMORY : ST_UNREACHABLE,
			"%s was not taken: %s; nothing was queued", f->path,
			rc == CONN_QUIET ? "no answer within a minute" : buf_cstr(&c->conn.why));
	id = json_get_text(a.json, "id");
	if (a.kind != ANSWER_OK)
		rc = out_refused(&c->out, &a, f->path);
	else if (!id || strlen(id) >= sizeof f->id)
		rc = out_fail(&c->out, ST_INTERNAL, "%s: the daemon gave no id for it; nothing was queued", f->path);
	else
		strcpy(f->id, id);
	answer_done(&a);
	return rc;
}

int cmd_media_put(struct client *c, struct cmd_media *m)
{
	int rc;

	if (m->count == 0)
		return 0;
	rc = check_limits(c, m);
	for (size_t i = 0; i < m->count && rc == 0; i++)
		rc = put_one(c, &m->files[i]);
	return rc;
}
