/* exchange_script.c: reading a script. One table of words, each with the function that takes the rest of its line. */
#include "tests/plat/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/hash.h"
#include "proto/unit.h"

#define MAX_LINE 65536

typedef const char *reader(struct script *s, char *rest);      /* what is wrong, or NULL */

static char *keep(struct script *s, const char *text)
{
	return arena_strdup(&s->arena, text);
}

static struct event_step *last(struct script *s)
{
	return s->event_count ? &s->events[s->event_count - 1] : NULL;
}

/* ---- the setting ---- */

static const char *read_platform(struct script *s, char *rest)
{
	s->plat = plat_find(rest);
	return s->plat ? NULL : "no such platform";
}

static const char *read_now(struct script *s, char *rest)
{
	return unit_utc_parse(rest, &s->now_ms) ? "no time" : NULL;
}

static const char *read_base(struct script *s, char *rest)
{
	s->account.base_url = keep(s, rest);
	return NULL;
}

static const char *read_directory(struct script *s, char *rest)
{
	s->account.directory = keep(s, rest);
	return NULL;
}

static const char *read_language(struct script *s, char *rest)
{
	s->content.language = keep(s, rest);
	return NULL;
}

static const char *add_value(struct script *s, struct value *list, size_t max, size_t *count, char *rest)
{
	char *equals = strchr(rest, '=');

	if (!equals || *count == max)
		return "NAME=TEXT expected";
	*equals = '\0';
	list[*count].name = keep(s, rest);
	list[(*count)++].text = keep(s, equals + 1);
	return NULL;
}

static const char *read_credential(struct script *s, char *rest)
{
	return add_value(s, s->credential, 8, &s->account.credential_count, rest);
}

static const char *read_option(struct script *s, char *rest)
{
	return add_value(s, s->options, 8, &s->account.option_count, rest);
}

static const char *read_account(struct script *s, char *rest)
{
	return add_value(s, s->account_values, 64, &s->account_value_count, rest);
}

static const char *read_value(struct script *s, char *rest)
{
	return add_value(s, s->values, 64, &s->value_count, rest);
}

static const char *read_unrecorded(struct script *s, char *rest)
{
	s->unrecorded = keep(s, rest);
	return NULL;
}

static const char *read_known(struct script *s, char *rest)
{
	if (s->known_count == sizeof(s->known) / sizeof(s->known[0]))
		return "too many known posts";
	s->known[s->known_count++] = keep(s, rest);
	return NULL;
}

static const char *read_signed_in(struct script *s, char *rest)
{
	(void)rest;
	s->signed_in = true;
	return NULL;
}

static const char *read_check(struct script *s, char *rest)
{
	s->check = keep(s, rest);
	return NULL;
}

/* "\n" as written becomes a line break, "\r" a carriage return. */
static char *unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && (in[1] == 'n' || in[1] == 'r')) {
			*out++ = *++in == 'n' ? '\n' : '\r';
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return text;
}

static const char *add_part(struct script *s, char *rest, uint64_t comment)
{
	size_t n = s->content.part_count;

	if (n == JOB_MAX_PARTS)
		return "too many parts";
	s->parts[n] = (struct part){ .text = keep(s, unescape(rest)), .media = s->media[n], .comment = comment };
	s->content.part_count++;
	return NULL;
}

static const char *read_part(struct script *s, char *rest)
{
	return add_part(s, rest, 0);
}

static const char *read_comment(struct script *s, char *rest)
{
	return add_part(s, rest, 1);
}

static const char *parse_media(struct script *s, char *rest, struct media *m)
{
	char *name = strsep(&rest, "|"), *mime = strsep(&rest, "|"), *size = strsep(&rest, "|"),
	             *bytes = strsep(&rest, "|");
	unsigned char sum[HASH_SHA256_BYTES];
	char hex[HASH_SHA256_HEX_SIZE];

	if (!bytes || hash_sha256(name, strlen(name), sum))
		return "NAME|MIME|WxH|BYTES|ALT expected";
	*m = (struct media){ .name = keep(s, name), .mime = keep(s, mime), .alt = rest ? keep(s, rest) : NULL };
	m->sha256 = keep(s, hash_hex(sum, sizeof(sum), hex));
	m->size_bytes = strtoull(bytes, NULL, 10);
	m->width = strtoull(size, &size, 10);
	m->height = *size == 'x' ? strtoull(size + 1, NULL, 10) : 0;
	return NULL;
}

static const char *read_media(struct script *s, char *rest)
{
	struct part *p = s->content.part_count ? &s->parts[s->content.part_count - 1] : NULL;

	if (!p || p->media_count == JOB_MAX_MEDIA)
		return "no part for this media";
	return parse_media(s, rest, &p->media[p->media_count++]);
}

static const char *read_card(struct script *s, char *rest)
{
	char *url = strsep(&rest, "|"), *title = strsep(&rest, "|");

	s->card = (struct card){ .url = keep(s, url), .title = keep(s, title), .description = keep(s, rest) };
	s->content.card = &s->card;
	s->content.card_count = 1;
	return NULL;
}

static const char *read_thumb(struct script *s, char *rest)
{
	s->card.thumb = &s->thumb;
	s->card.thumb_count = 1;
	return parse_media(s, rest, &s->thumb);
}

static const char *read_cover(struct script *s, char *rest)
{
	s->content.cover = &s->cover;
	s->content.cover_count = 1;
	return parse_media(s, rest, &s->cover);
}

static char *known_text(struct script *s, const char *word)
{
	return word && strcmp(word, "-") ? keep(s, word) : NULL;
}

static uint64_t number(const char *word)
{
	return word ? strtoull(word, NULL, 10) : 0;
}

static const char *read_video(struct script *s, char *rest)
{
	struct part *p = s->content.part_count ? &s->parts[s->content.part_count - 1] : NULL;
	struct media *m = p && p->media_count ? &p->media[p->media_count - 1] : NULL;
	char *duration = strsep(&rest, " "), *fps = strsep(&rest, " ");

	if (!m || unit_duration_parse(duration, &m->duration_ms))
		return "no media, or no duration";
	m->frame_milli = fps ? (uint64_t)(strtod(fps, NULL) * 1000 + 0.5) : 0;
	m->bit_rate = number(strsep(&rest, " "));
	m->video_codec = known_text(s, strsep(&rest, " "));
	m->audio_codec = known_text(s, strsep(&rest, " "));
	m->audio_channels = number(strsep(&rest, " "));
	m->audio_hz = number(strsep(&rest, " "));
	return NULL;
}

static const char *read_form(struct script *s, char *rest)
{
	int form = form_find(rest);

	s->content.form = form < 0 ? 0 : (uint64_t)form;
	return form < 0 ? "no such form" : NULL;
}

static const char *read_title(struct script *s, char *rest)
{
	s->content.title = keep(s, rest);
	return NULL;
}

static const char *read_warning(struct script *s, char *rest)
{
	s->content.warning = keep(s, rest);
	return NULL;
}

static const char *read_quote(struct script *s, char *rest)
{
	s->content.quote = keep(s, rest);
	return NULL;
}

static const char *read_poll(struct script *s, char *rest)
{
	char *duration = strsep(&rest, " "), *how = strsep(&rest, " "), *choice;

	if (!rest || unit_duration_parse(duration, &s->poll.duration_ms))
		return "DURATION single|multiple CHOICE|CHOICE... expected";
	s->poll.multiple = !strcmp(how, "multiple");
	s->poll.choices = s->choices;
	while ((choice = strsep(&rest, "|")) && s->poll.choice_count < JOB_MAX_CHOICES)
		s->choices[s->poll.choice_count++].text = keep(s, choice);
	s->content.poll = &s->poll;
	s->content.poll_count = 1;
	return NULL;
}

static const char *read_setting(struct script *s, char *rest)
{
	s->content.settings = s->settings;
	return add_value(s, s->settings, 8, &s->content.setting_count, rest);
}

static const char *read_public(struct script *s, char *rest)
{
	s->account.public.base_url = keep(s, strsep(&rest, " "));
	s->account.public.bucket_url = rest ? keep(s, rest) : NULL;
	s->account.public.region = "eu";
	s->account.public.key = "key";
	s->account.public.secret = "secret of the bucket";
	return NULL;
}

/* ---- what belongs to a request ---- */

static const char *read_header(struct script *s, char *rest)
{
	struct event_step *e = last(s);

	if (!e || e->header_count == EXCHANGE_MAX_LINES)
		return "no request for this header";
	e->headers[e->header_count++] = keep(s, rest);
	return NULL;
}

static const char *read_body(struct script *s, char *rest)
{
	if (!last(s))
		return "no request for this body";
	last(s)->body = keep(s, rest);
	return NULL;
}

static const char *read_is(struct script *s, char *rest)
{
	if (!last(s))
		return "no request for this body";
	last(s)->exactly = keep(s, rest);
	return NULL;
}

static const char *read_has(struct script *s, char *rest)
{
	struct event_step *e = last(s);

	if (!e || e->fragment_count == EXCHANGE_MAX_LINES)
		return "no request for this fragment";
	e->fragments[e->fragment_count++] = keep(s, unescape(rest));
	return NULL;
}

static const char *read_status(struct script *s, char *rest)
{
	if (!last(s))
		return "no request for this answer";
	last(s)->status = atoi(rest);
	return NULL;
}

static const char *read_answer_header(struct script *s, char *rest)
{
	struct event_step *e = last(s);
	char *colon = strstr(rest, ": ");

	if (!e || !colon || e->answer_count == EXCHANGE_MAX_LINES)
		return "Header: value expected";
	*colon = '\0';
	e->answer[e->answer_count++] = (struct plat_header){ .name = keep(s, rest), .value = keep(s, colon + 2) };
	return NULL;
}

static const char *read_answer_body(struct script *s, char *rest)
{
	if (!last(s))
		return "no request for this answer";
	last(s)->answer_body = keep(s, rest);
	return NULL;
}

static const char *read_lost(struct script *s, char *rest)
{
	(void)rest;
	if (!last(s))
		return "nothing to lose";
	last(s)->lost = true;
	return NULL;
}

/* ---- the words ---- */

static const struct { const char *word; reader *read; enum event_kind kind; } words[] = {
	{ "platform", read_platform, 0 }, { "now", read_now, 0 }, { "base", read_base, 0 },
		{ "directory", read_directory, 0 },
	{ "language", read_language, 0 }, { "credential", read_credential, 0 }, { "option", read_option, 0 },
	{ "account", read_account, 0 }, { "value", read_value, 0 }, { "signed-in", read_signed_in, 0 },
	{ "unrecorded", read_unrecorded, 0 }, { "known", read_known, 0 },
		{ "check", read_check, 0 },
	{ "part", read_part, 0 }, { "comment", read_comment, 0 }, { "media", read_media, 0 }, { "card", read_card, 0 },
	{ "cover", read_cover, 0 }, { "video", read_video, 0 }, { "form", read_form, 0 }, { "title", read_title, 0 },
	{ "warning", read_warning, 0 }, { "quote", read_quote, 0 }, { "poll", read_poll, 0 },
	{ "setting", read_setting, 0 }, { "public", read_public, 0 },
	{ "thumb", read_thumb, 0 }, { ">>", read_header, 0 }, { "body", read_body, 0 }, { "has", read_has, 0 }, { "is", read_is, 0 },
	{ "<", read_status, 0 }, { "<<", read_answer_header, 0 }, { "=", read_answer_body, 0 },
		{ "lost", read_lost, 0 },
	{ ">", NULL, EV_REQUEST }, { "~>", NULL, EV_DETOUR }, { "wait", NULL, EV_WAIT }, { "session", NULL, EV_SESSION },
	{ "session-done", NULL, EV_SESSION_DONE }, { "session-fail", NULL, EV_SESSION_FAIL },
		{ "run", NULL, EV_RUN_SESSION },
	{ "settled", NULL, EV_SETTLED }, { "undecided", NULL, EV_UNDECIDED }, { "person", NULL, EV_PERSON },
	{ "fail", NULL, EV_FAIL }, { "until", NULL, EV_UNTIL }, { "advance", NULL, EV_ADVANCE },
		{ "edit", NULL, EV_EDIT },
	{ "value?", NULL, EV_VALUE }, { "account?", NULL, EV_ACCOUNT }, { "done", NULL, EV_DONE },
};

static const char *read_line(struct script *s, char *line, int number)
{
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, line))
			continue;
		if (words[i].read)
			return words[i].read(s, rest);
		if (s->event_count == EXCHANGE_MAX_EVENTS)
			return "too many events";
		s->events[s->event_count++] = (struct event_step){ .kind = words[i].kind, .line = number,
		                                                   .text = keep(s, unescape(rest)) };
		return NULL;
	}
	return "unknown word";
}

static struct script *script_new(const char *path)
{
	struct script *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	arena_init(&s->arena, 16 << 20);
	s->path = path;
	s->account.name = "brand";
	s->account.credential = s->credential;
	s->account.options = s->options;
	s->content.parts = s->parts;
	s->post = (struct post){ .id = 42, .label = keep(s, "spring"), .content = &s->content, .content_count = 1,
	                         .target_count = 1 };
	s->target = (struct target){ .id = 42, .n = 1, .account = keep(s, "brand") };
	return s;
}

/* Detours have no place in the order of things. */
static const char *part_detours(struct script *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->event_count; i++) {
		if (s->events[i].kind != EV_DETOUR)
			s->events[n++] = s->events[i];
		else if (s->detour_count == EXCHANGE_MAX_DETOURS)
			return "too many detours";
		else
			s->detours[s->detour_count++] = s->events[i];
	}
	s->event_count = n;
	return NULL;
}

struct script *exchange_read(const char *path)
{
	struct script *s = script_new(path);
	FILE *f = fopen(path, "r");
	char *line = malloc(MAX_LINE);
	const char *why = s && f && line ? NULL : "cannot be read";
	int number = 0;

	while (!why && fgets(line, MAX_LINE, f)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (*line && *line != '#')
			why = read_line(s, line, number);
	}
	if (!why && (!s->plat || !s->now_ms || !s->content.part_count))
		why = "platform, now and part are needed";
	if (!why)
		why = part_detours(s);
	if (f)
		fclose(f);
	free(line);
	if (!why) {
		s->target.due_ms = s->now_ms;
		return s;
	}
	printf("%s:%d: %s\n", path, number, why);
	exchange_free(s);
	return NULL;
}

void exchange_free(struct script *s)
{
	if (s)
		arena_done(&s->arena);
	free(s);
}
