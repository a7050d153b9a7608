/* content.c: reading texts and threads, and writing them as keys. All text lives in the client's arena. */
#include "client/content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/line.h"
#include "proto/status.h"
#include "proto/utf8.h"

/* Where a text comes from, for messages: a path, or "standard input". */
static int check_text(struct client *c, const char *text, size_t len, const char *where)
{
	size_t at = 0;

	if (memchr(text, '\0', len))
		return out_fail(&c->out, ST_INVALID, "%s: the text holds a NUL byte", where);
	if (!utf8_valid(text, len, &at))
		return out_fail(&c->out, ST_INVALID, "%s: the text is not UTF-8 (byte %zu)", where, at + 1);
	return 0;
}

static int read_all(struct client *c, int fd, const char *where, char **out)
{
	struct buf b = BUF_INIT(LINE_MAX_BYTES);
	char bytes[16384];
	ssize_t n;
	int rc = 0;

	while ((n = read(fd, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = out_fail(&c->out, ST_INVALID, "%s: %s", where, strerror(errno));
			break;
		}
		buf_add(&b, bytes, (size_t)n);
		if (buf_error(&b)) {
			rc = out_fail(&c->out, buf_error(&b), "%s: the text is larger than %d bytes", where, LINE_MAX_BYTES);
			break;
		}
	}
	if (rc == 0)
		rc = check_text(c, buf_cstr(&b), b.len, where);
	if (rc == 0) {
		/* editors and echo end a text with a newline that nobody wants to publish */
		if (b.len > 0 && b.data[b.len - 1] == '\n')
			b.len--;
		*out = arena_strndup(&c->arena, b.len ? b.data : "", b.len);
		if (!*out)
			rc = out_fail(&c->out, ST_NO_MEMORY, "out of memory");
	}
	buf_done(&b);
	return rc;
}

static int read_path(struct client *c, const char *path, char **out)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		return read_all(c, STDIN_FILENO, "standard input", out);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return out_fail(&c->out, ST_INVALID, "%s: %s", path, strerror(errno));
	rc = read_all(c, fd, path, out);
	close(fd);
	return rc;
}

static bool is_separator(const char *line, size_t len)
{
	while (len > 3 && strchr(" \t\r", line[len - 1]))
		len--;
	return len == 3 && memcmp(line, "---", 3) == 0;
}

static int add_part(struct client *c, struct content *content, const char *from, size_t len)
{
	char **grown;

	if (len > 0 && from[len - 1] == '\n')
		len--;
	if (strspn(from, " \t\r\n") >= len)
		return out_fail(&c->out, ST_INVALID, "part %zu of the thread is empty", content->part_count + 1);
	if (content->part_count == CONTENT_MAX_PARTS)
		return out_fail(&c->out, ST_TOO_LARGE, "the thread has more than %d parts", CONTENT_MAX_PARTS);
	grown = content->parts;
	if (content->part_count % 16 == 0)
		grown = arena_grow(&c->arena, content->parts, content->part_count, content->part_count + 16, sizeof *grown);
	if (!grown)
		return out_fail(&c->out, ST_NO_MEMORY, "out of memory");
	content->parts = grown;
	grown[content->part_count] = arena_strndup(&c->arena, from, len);
	if (!grown[content->part_count])
		return out_fail(&c->out, ST_NO_MEMORY, "out of memory");
	content->part_count++;
	return 0;
}

static int read_thread(struct client *c, struct content *content, const char *path)
{
	char *text, *part, *line;
	int rc = read_path(c, path, &text);

	for (part = line = text; rc == 0;) {
		size_t len = strcspn(line, "\n");
		bool last = line[len] == '\0', separator = is_separator(line, len);

		if (separator)
			rc = add_part(c, content, part, (size_t)(line - part));
		else if (last)
			rc = add_part(c, content, part, (size_t)(line + len - part));
		if (last && separator && rc == 0)
			rc = out_fail(&c->out, ST_INVALID, "part %zu of the thread is empty", content->part_count + 1);
		if (last)
			break;
		line += len + 1;
		if (separator)
			part = line;
	}
	return rc;
}

static int check_options(struct client *c, bool operand)
{
	static const char *const need_link[] = { "link-title", "link-description", "link-image" };
	static const char *const removable[] = {
		"link", "language", "label", "media", "title", "warning", "quote", "poll", "cover",
	};
	const struct args *a = &c->args;
	int sources = operand + (int)args_count(a, "file") + (int)args_count(a, "thread");

	if (sources > 1)
		return out_fail(&c->out, ST_USAGE, "one text only: TEXT, -, -f FILE or --thread FILE");
	for (size_t i = 0; i < sizeof need_link / sizeof *need_link; i++)
		if (args_has(a, need_link[i]) && !args_has(a, "link"))
			return out_fail(&c->out, ST_USAGE, "--%s needs --link URL", need_link[i]);
	if (args_count(a, "cover") > 1)
		return out_fail(&c->out, ST_USAGE, "a post has one --cover");
	if (args_count(a, "poll") == 1 || ((args_has(a, "poll-for") || args_has(a, "poll-multiple")) && !args_has(a, "poll")))
		return out_fail(&c->out, ST_USAGE, "a poll needs two choices or more: --poll CHOICE --poll CHOICE");
	if (args_count(a, "link-image") > 1 || args_count(a, "link") > 1)
		return out_fail(&c->out, ST_USAGE, "a post has one link card: --link and --link-image once");
	for (size_t i = 0; i < sizeof removable / sizeof *removable; i++) {
		char option[32] = "no-";

		if (args_has(a, removable[i]) && args_has(a, strcat(option, removable[i])))
			return out_fail(&c->out, ST_USAGE, "--%s and --no-%s exclude each other", removable[i], removable[i]);
	}
	return 0;
}

int content_read(struct client *c, struct content *content, size_t text_operand, bool must_have)
{
	const struct args *a = &c->args;
	bool operand = a->operand_count > text_operand, has_media = args_has(a, "media");
	int rc;

	memset(content, 0, sizeof *content);
	if (a->operand_count > text_operand + 1)
		return out_fail(&c->out, ST_USAGE, "the text is one argument; put it in quotes: smmq %s ... \"%s %s ...\"",
			c->command->name, a->operands[text_operand], a->operands[text_operand + 1]);
	rc = check_options(c, operand);
	if (rc != 0)
		return rc;
	rc = extra_check(c, must_have);
	if (rc != 0)
		return rc;
	content->no_media = args_has(a, "no-media");
	if (args_has(a, "thread"))
		rc = read_thread(c, content, args_value(a, "thread"));
	else if (args_has(a, "file"))
		rc = read_path(c, args_value(a, "file"), &content->text);
	else if (operand && !args_is_stdin(a, text_operand))
		content->text = a->operands[text_operand];
	else if (operand || (must_have && !isatty(STDIN_FILENO)))
		rc = read_path(c, "-", &content->text);
	else if (must_have && !has_media)
		rc = out_fail(&c->out, ST_USAGE, "no text: give it as an argument, with -f FILE, or write - to type it in");
	else if (must_have)
		content->text = arena_strdup(&c->arena, "");
	return rc != 0 ? rc : cmd_media_open(c, &content->media);
}

void content_write_file(const struct cmd_media_file *f, struct json_writer *w)
{
	const char *slash = strrchr(f->path, '/');

	jw_str(w, "id", f->id);
	jw_str(w, "name", slash ? slash + 1 : f->path);
	if (f->alt)
		jw_str(w, "alt", f->alt);
	jw_end(w);
}

static void write_media(const struct content *content, struct json_writer *w)
{
	bool any = false;

	for (size_t i = 0; i < content->media.count; i++) {
		const struct cmd_media_file *f = &content->media.files[i];

		if (f->use != CMD_MEDIA_POST)
			continue;
		if (!any)
			jw_array(w, "media");
		any = true;
		jw_object(w, NULL);
		content_write_file(f, w);
	}
	if (any) {
		jw_end(w);
	} else if (content->no_media) {
		jw_array(w, "media");
		jw_end(w);
	}
}

static void write_link(const struct client *c, const struct content *content, struct json_writer *w)
{
	const struct args *a = &c->args;

	if (!args_has(a, "link"))
		return;
	jw_object(w, "link");
	jw_str(w, "url", args_value(a, "link"));
	if (args_has(a, "link-title"))
		jw_str(w, "title", args_value(a, "link-title"));
	if (args_has(a, "link-description"))
		jw_str(w, "description", args_value(a, "link-description"));
	for (size_t i = 0; i < content->media.count; i++) {
		const struct cmd_media_file *f = &content->media.files[i];

		if (f->use != CMD_MEDIA_CARD)
			continue;
		jw_object(w, "thumb");
		content_write_file(f, w);
	}
	jw_end(w);
}

void content_write(const struct client *c, const struct content *content, struct json_writer *w)
{
	static const struct { const char *option, *key; } texts[] = {
		{ "language", "language" }, { "label", "label" }, { "as", "form" }, { "title", "title" }, { "warning", "warning" },
		{ "quote", "quote" },
	};
	static const char *const removable[] = { "link", "language", "label", "title", "warning", "quote", "poll", "cover" };
	const struct args *a = &c->args;

	if (content->text)
		jw_str(w, "text", content->text);
	if (content->part_count > 0) {
		jw_array(w, "parts");
		for (size_t i = 0; i < content->part_count; i++) {
			jw_object(w, NULL);
			jw_str(w, "text", content->parts[i]);
			if (i == 0)
				write_media(content, w);
			jw_end(w);
		}
		jw_end(w);
	} else {
		write_media(content, w);
	}
	if (args_has(a, "first-comment"))
		jw_str(w, "first_comment", args_value(a, "first-comment"));
	write_link(c, content, w);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (args_has(a, texts[i].option))
			jw_str(w, texts[i].key, args_value(a, texts[i].option));
	extra_write(c, content, w);
	for (size_t i = 0; i < sizeof removable / sizeof *removable; i++) {
		char option[32] = "no-";

		if (args_has(a, strcat(option, removable[i])))
			jw_null(w, removable[i]);
	}
}

void content_done(struct content *content)
{
	cmd_media_done(&content->media);
}
