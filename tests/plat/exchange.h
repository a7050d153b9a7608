/* exchange.h: runs a driver against a script of exchanges, the way the engine would, without any engine.
 *
 * A script (*.x) is a text file. Lines that begin with '#' and empty lines say nothing. First the setting:
 *
 *   platform NAME          now RFC3339            base URL            directory PATH         language TAG
 *   credential NAME=TEXT   option NAME=TEXT       account NAME=TEXT   value NAME=TEXT
 *                          (account: an account value, value: a target value)
 *   unrecorded DURATION [MARK]        begins with a look for an attempt that is not recorded, made since so long ago
 *   known ID               a post of another target, for such a look
 *   signed-in              the account value "cred" fits the credential
 *   part TEXT              one part; \n is a line break          comment TEXT       the first comment
 *   media NAME|MIME|WxH|BYTES|ALT     of the last part            card URL|TITLE|DESCRIPTION
 *   thumb NAME|MIME|WxH|BYTES         of the card          cover NAME|MIME|WxH|BYTES     of the post's video
 *   video DURATION FPS BITRATE VCODEC ACODEC CHANNELS HZ          of the last media (0 or - where not known)
 *   form post|story|reel|short|spotlight        title TEXT        warning TEXT        quote TEXT
 *   poll DURATION single|multiple CHOICE|CHOICE...                setting NAME=VALUE  of this post
 *   public BASE-URL BUCKET-URL        where media are put for platforms that fetch them
 *   check ok  or  check FRAGMENT      preflight finds nothing, or a message with this fragment
 *
 * Then what happens, in order:
 *
 *   > METHOD URL EFFECT STEP          the driver sends this (FILE for a file)
 *   ~> METHOD URL EFFECT STEP         only after a restart, wherever that was, the driver may ask this first; what
 *                                     follows belongs to it. Stands before the first ">"
 *   >> Header: value                  with this header; "-" means without it
 *   body JSON                         and exactly this JSON body            has FRAGMENT    a body with this text in it
 *   is TEXT                           and exactly this body
 *   < STATUS                          and is answered
 *   << Header: value
 *   = BODY
 *   lost                              or: the answer is lost, or the process dies before it comes
 *   wait DURATION                     the driver waits so long
 *   session / session-done / session-fail CLASS FRAGMENT          it asks for a session; what becomes of that
 *   run session                       (first of all) the engine makes a session by itself
 *   settled FRAGMENT / undecided FRAGMENT      what reconcile finds
 *   person absent / person published ID URL    a person decides
 *   fail CLASS FRAGMENT               (more lines: the engine tries again later)
 *   until DURATION                    after fail: not before, give or take the jitter
 *   advance DURATION / edit N TEXT    time passes; the text of part N (from 1) changes
 *   value? NAME=TEXT / account? NAME=TEXT      a value is so; without "=TEXT": absent
 *   done ID [URL]
 *
 * $name$ in an expected text stands for any text without blanks, quotes, '&', '/' and '?', the same one everywhere; in
 * answers it is replaced. $any$ may be another one each time.
 *
 * Every call gets a fresh arena and copies of the values; the old memory is gone. Every call is made twice and must
 * give the same, for a turn may run more than once. */
#ifndef SMMQ_TESTS_PLAT_EXCHANGE_H
#define SMMQ_TESTS_PLAT_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/plat/plat.h"

#define EXCHANGE_MAX_EVENTS 400
#define EXCHANGE_MAX_LINES 12
#define EXCHANGE_MAX_NAMES 16
#define EXCHANGE_MAX_DETOURS 4

enum event_kind {
	EV_REQUEST, EV_DETOUR, EV_WAIT, EV_SESSION, EV_SESSION_DONE, EV_SESSION_FAIL, EV_RUN_SESSION, EV_SETTLED, EV_UNDECIDED,
		EV_PERSON,
	EV_FAIL, EV_UNTIL, EV_ADVANCE, EV_EDIT, EV_VALUE, EV_ACCOUNT, EV_DONE
};

struct event_step {
	enum event_kind kind;
	int line;
	const char *text;                            /* the rest of the line */
	const char *headers[EXCHANGE_MAX_LINES];     /* of the request, as written */
	const char *fragments[EXCHANGE_MAX_LINES];
	size_t header_count, fragment_count;
	const char *body, *exactly;
	bool lost;
	int status;
	struct plat_header answer[EXCHANGE_MAX_LINES];
	size_t answer_count;
	const char *answer_body;
};

struct script {
	struct arena arena;
	const char *path;
	const struct plat *plat;
	struct plat_account account;
	struct value credential[8], options[8], settings[8], account_values[64], values[64];
	size_t account_value_count, value_count;
	bool signed_in;
	struct post post;
	struct target target;
	struct content content;
	struct part parts[JOB_MAX_PARTS];
	struct media media[JOB_MAX_PARTS][JOB_MAX_MEDIA];
	struct card card;
	struct media thumb, cover;
	struct poll poll;
	struct choice choices[JOB_MAX_CHOICES];
	const char *check;
	char *unrecorded;
	const char *known[8];
	size_t known_count;
	int64_t now_ms;
	struct event_step events[EXCHANGE_MAX_EVENTS];
	size_t event_count;
	struct event_step detours[EXCHANGE_MAX_DETOURS];
	size_t detour_count;
};

/* Names bound by $name$. */
struct bindings { char name[EXCHANGE_MAX_NAMES][32]; char text[EXCHANGE_MAX_NAMES][1024]; size_t count; };

/* exchange_script.c: reads a script; prints the reason and returns NULL where it cannot. Freed by exchange_free. */
struct script *exchange_read(const char *path);
void exchange_free(struct script *s);

/* exchange_match.c */
bool exchange_match(struct bindings *b, const char *pattern, const char *text);
bool exchange_match_json(struct bindings *b, const char *pattern, const char *text, size_t len);
/* pattern with every bound name replaced, in a. */
const char *exchange_fill(const struct bindings *b, struct arena *a, const char *pattern);

/* exchange.c: plays the script. restart_at: the number (from 1) of the request that the process dies after deciding on,
 * 0 for none. Returns the number of requests made, or -1 after printing what was wrong. */
int exchange_run(struct script *s, int restart_at);
/* The preflight of the script; false after printing what was wrong. */
bool exchange_check(struct script *s);

#endif
