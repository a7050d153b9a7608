/* when.c: formatting of the daemon's times. It computes no zone: what the daemon resolved is shown as it is. */
#include "client/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *weekday(int year, int month, int day)
{
	static const char *const names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const int shift[] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };

	if (month < 1 || month > 12 || year < 1 || year > 9999)
		return "???";
	year -= month < 3;
	return names[(year + year / 4 - year / 100 + year / 400 + shift[month - 1] + day) % 7];
}

char *when_local(const struct json *target, char buf[WHEN_SIZE])
{
	const char *local = json_get_text(target, "local");
	int year, month, day, hour, minute, second;

	buf[0] = '\0';
	if (!local)
		local = json_get_text(target, "due");
	if (!local)
		return buf;
	if (sscanf(local, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6 || day < 1) {
		snprintf(buf, WHEN_SIZE, "%.60s", local);
		return buf;
	}
	snprintf(buf, WHEN_SIZE, "%s %04d-%02d-%02d %02d:%02d", weekday(year, month, day), year, month, day, hour, minute);
	if (second != 0)
		snprintf(buf + strlen(buf), WHEN_SIZE - strlen(buf), ":%02d", second);
	return buf;
}

char *when_full(const struct json *target, char buf[WHEN_SIZE])
{
	const char *zone = json_get_text(target, "zone"), *due = json_get_text(target, "due");

	when_local(target, buf);
	if (!buf[0])
		snprintf(buf, WHEN_SIZE, "no time yet");
	else
		snprintf(buf + strlen(buf), WHEN_SIZE - strlen(buf), " %.50s (%.40s)", zone ? zone : "", due ? due : "");
	return buf;
}

char *when_here(int64_t time_ms, char buf[WHEN_SIZE])
{
	time_t t = (time_t)(time_ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(buf, WHEN_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, WHEN_SIZE, "?");
	return buf;
}

void when_echo(struct out *o, const struct json *answer)
{
	char buf[WHEN_SIZE], digits[24];

	for (const struct json *t = json_first(json_get(answer, "targets")); t; t = json_next(t)) {
		const char *id = json_get_id(t, "id", digits), *account = json_get_text(t, "account");
		const char *state = json_get_text(t, "state");
		bool odd = state && strcmp(state, "queued") != 0;

		out_note(o, "%s %s: %s%s%s", id ? id : "?", account ? account : "?", when_full(t, buf), odd ? ", " : "",
			odd ? state : "");
		for (const struct json *w = json_first(json_get(t, "warnings")); w; w = json_next(w)) {
			const char *text = json_kind(w) == JSON_STRING ? json_text(w) : json_get_text(w, "message");

			out_note(o, "%s %s: warning: %s", id ? id : "?", account ? account : "?", text ? text : "?");
		}
	}
}
