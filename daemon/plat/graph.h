/* graph.h: what every Graph API of one vendor has in common (Facebook, Instagram, Threads): requests with a token, the
 * error object and its table of codes, usage headers, times and pages. Private to plat/.
 *
 * An error is told by its code and subcode, never by its text, which is localised and changes. The driver's own rows are
 * looked at before those that all share; what no row knows is decided by is_transient and the HTTP status.
 * Tokens are those of oauth.h. Every answer that took the token is told to oauth_accepted(), every one that refused it to
 * oauth_rejected(): drivers need not. */
#ifndef SMMQ_PLAT_GRAPH_H
#define SMMQ_PLAT_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/plat/form.h"
#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

/* What its drivers are written for; the option Version= may name another. */
#define GRAPH_VERSION "v25.0"

/* What an error asks for besides failing. A driver's own acts begin with GRAPH_OWN. */
enum graph_act {
	GRAPH_FAIL,
	GRAPH_TOKEN,                 /* the token is refused: a new session, once */
	GRAPH_BLOCKED,               /* the act was blocked, and may have happened all the same */
	GRAPH_OWN
};

#define GRAPH_ANY_CODE INT64_MIN, INT64_MAX
#define GRAPH_ANY_SUBCODE 0, 0

struct graph_rule {
	int64_t low, high;           /* code, both included */
	int64_t sub_low, sub_high;   /* subcode, both included; 0, 0: any */
	enum plat_class klass;       /* PLAT_TRANSIENT and PLAT_UNKNOWN: see graph_refuse and graph_refuse_once */
	int act;
	int64_t pause_ms;            /* class rate: for so long, where no header tells; 0: the engine's backoff */
};

/* One host of one driver, a constant. */
struct graph {
	const char *platform;
	const char *host;            /* "https://graph.example", BaseURL= counts more */
	const char *version;         /* "v25.0", the account's option Version= counts more; NULL: paths have none */
	const struct graph_rule *rules;
	size_t rule_count;
	const char *token;           /* the account value that holds the token to act with; NULL: oauth_token() */
};

struct graph_answer {
	struct wire_answer wire;     /* message: the platform's words for people, with code and trace */
	int64_t code, subcode;       /* 0 where there is none */
	bool is_error;               /* the body is an error object, whatever the status */
	bool transient;              /* is_transient */
	bool good;                   /* a 2xx whose body is an object or a list, and no error */
};

/* ---- requests ---- */

/* host/version/path, path beginning with '/'. */
const char *graph_url(const struct plat_in *in, const struct graph *g, const char *path);
/* The token that requests to g carry, or NULL. */
const char *graph_token(const struct plat_in *in, const struct graph *g);
/* With a bearer token. query: "a=1&b=2" or NULL. */
struct plat_request *graph_get(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *step,
                               const char *path, const char *query);
/* A POST with the form as its body (f is empty then; NULL: no body), or, where effect is once, one that needs a mark yet. */
struct plat_request *graph_post(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *step,
                                enum plat_effect effect, const char *path, struct form *f);
/* The header that upload hosts want: "Authorization: OAuth TOKEN". */
void graph_upload_token(const struct plat_in *in, struct plat_request *r);
/* The same with the token that requests to g carry. */
void graph_upload_token_of(const struct plat_in *in, struct plat_request *r, const struct graph *g);
/* Whether an address that the platform gave for an upload may have the token: https below upload_domain
 * (".graph.example"), or below BaseURL= where that is set. */
bool graph_upload_url(const struct plat_in *in, const char *url, const char *upload_domain);
/* HMAC-SHA256 of the token under client_secret, in hex, where the option AppSecretProof=yes asks for it; else NULL.
 * graph_get and graph_post add it by themselves. */
const char *graph_proof(const struct plat_in *in, const struct graph *g);

/* ---- answers ---- */

/* in->response; graph_answer_done() frees. */
void graph_answer_read(const struct plat_in *in, struct graph_answer *out);
void graph_answer_done(struct graph_answer *answer);

/* The row that decides; never NULL. */
const struct graph_rule *graph_rule(const struct graph *g, const struct graph_answer *answer);
/* Fails after a request that may be repeated: an unknown outcome is a passing failure. In step and reconcile a refused
 * token asks for a session first (the verdict is then PLAT_NEED_SESSION). */
void graph_refuse(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *what,
                  const struct graph_answer *answer);
/* Fails after a request of effect once: what would pass by itself is not known to have had no effect. Also for a 2xx
 * that holds no id. */
void graph_refuse_once(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *what,
                       const struct graph_answer *answer);

/* For struct oauth: whether the refusal of a token endpoint passes by itself. */
bool graph_passes(const struct wire_answer *answer);

/* When a limit ends by the answer's headers: X-Business-Use-Case-Usage (estimated_time_to_regain_access, minutes),
 * X-Ad-Account-Usage (reset_time_duration, seconds), else as wire_reset_ms; 0 where none tells. */
int64_t graph_reset_ms(const struct plat_in *in);
/* How long the next request that is not pressing should wait by the usage headers of in->response: 0 below 80 % of what
 * is allowed. */
int64_t graph_ease_ms(const struct plat_in *in);

/* "2026-03-01T09:30:00+0000". 0 or -ST_INVALID. */
int graph_time_ms(const char *text, int64_t *out);
/* The cursor of the next page, or NULL at the last one; belongs to the answer. (paging.next itself holds the token.) */
const char *graph_next_page(const struct json *answer);

/* ---- whose token it is ---- */

/* Values own_id, own_name, cred and whose (which token). False, and *out failed with class auth, where the account has
 * been used as another profile before. */
bool graph_profile(const struct plat_in *in, struct plat_out *out, const struct graph *g, const char *id, const char *name);
/* Whether the profile was asked for with the token that is there now (the login's own). */
bool graph_ready(const struct plat_in *in);

#endif
