/* oauth.h: OAuth 2 tokens as every platform of ours hands them out: a table for what differs, one session for all.
 * Private to plat/ (and token, which shows and schedules).
 *
 * Where tokens come from: the credential file (access_token=, refresh_token=), or a login at run time (struct
 * plat_login). They live in the account's values: access, refresh, access_ms (when it was handed out, or taken from the file),
 * of_file (1: taken from the file, of unknown age),
 * access_until_ms, refresh_until_ms (0 or absent: not known), token_print (which file they were taken from). A file
 * that changes counts more than what was stored.
 * Sources: RFC 6749 (framework), RFC 7636 (PKCE), RFC 8628 (device flow), RFC 6750 (bearer tokens). */
#ifndef SMMQ_PLAT_OAUTH_H
#define SMMQ_PLAT_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

#define OAUTH_STEP_CODE "token.code"      /* the exchange of a login's code */

/* One kind of request to a token endpoint. */
struct oauth_call {
	const char *url;             /* NULL: there is no such call */
	bool get;                    /* parameters in the query (Meta), else a POST form */
	const char *grant_type;      /* NULL: not sent */
	const char *token_name;      /* the parameter that carries the token to be exchanged; NULL: none */
	bool by_access;              /* what is exchanged is the access token, not the refresh token */
	bool no_client_id;           /* the client id is not sent (its secret is) */
	bool no_client;              /* neither is */
};

struct oauth {
	const char *platform;
	const char *client_id_name;  /* the parameter: "client_id"; tiktok: "client_key" */
	bool basic;                  /* with a client_secret, the client stands in Authorization: Basic and not in the form */
	const char *authorize_url;   /* where a person logs in; NULL: tokens come from elsewhere */
	const char *scope_separator; /* " " or "," */
	const char *scopes;          /* separated by blanks */
	const char *authorize_more;  /* further parameters: "access_type=offline&prompt=consent"; NULL: none */
	bool pkce;
	bool pkce_hex;               /* the challenge in hex, not base64url (tiktok's desktop login) */
	const char *device_url;      /* RFC 8628; NULL: not offered */
	struct oauth_call code;      /* from the code to tokens */
	struct oauth_call extend;    /* from those to longer-lived ones, at once (Meta) */
	struct oauth_call refresh;
	int64_t life_ms;             /* of an access token, where the answer tells none; 0: does not expire */
	int64_t min_age_ms;          /* a younger token is not refreshed (Meta: a day) */
	const char *const *error_words;   /* errors of the refresh that end the grant, besides the standard's; NULL-terminated */
	bool (*passing)(const struct wire_answer *answer);   /* whether a refusal passes by itself, whatever its status */
	/* A platform with more than one kind of login: where the account's option has this word (NULL: any),
	 * the next row counts. */
	const char *option, *word;
	const struct oauth *other;
};

/* The row that counts for an account; o may be NULL. */
const struct oauth *oauth_of(const struct oauth *o, const struct plat_account *account);

/* The access token, or NULL. */
const char *oauth_token(const struct plat_in *in);
/* A bearer header with the access token. */
void oauth_bearer(const struct plat_in *in, struct plat_request *r);
/* Whether there is an access token that lasts for at least margin_ms more. */
bool oauth_fresh(const struct plat_in *in, int64_t margin_ms);
/* When the token is to be refreshed: at a part of its life between 60 and 80 %, another one for each account; 0: never. A
 * token of a file is of unknown age: where it is itself what gets exchanged, that is done as soon as it is old enough,
 * lest it ends unseen. */
int64_t oauth_refresh_ms(const struct plat_in *in, const struct oauth *o);

/* When a person has to log in again at the latest: where tokens are refreshed, when what refreshes them ends. 0: not known, never. */
int64_t oauth_until_ms(const struct plat_in *in, const struct oauth *o);

/* At the beginning of a driver's session(), and for the answers to steps "token.*": true when *out is filled (an
 * exchange, or a failure); false when there is a token to go on with. A passing error of the server never ends the
 * grant: where the token still lasts, the session goes on with it. */
bool oauth_session(const struct plat_in *in, struct plat_out *out, const struct oauth *o);

/* The platform answered 401 (or its like) to step or reconcile: the first time asks for a new session (value "relogin"
 * of the target), the second time fails with class auth. */
void oauth_rejected(const struct plat_in *in, struct plat_out *out, const char *platform, const char *what,
                    const struct wire_answer *answer);
/* The platform took the token. */
void oauth_accepted(const struct plat_in *in);

/* The address at which a person logs in (RFC 6749, 4.1.1). NULL without memory, or without a client_id. */
const char *oauth_authorize_url(const struct plat_in *in, const struct oauth *o, const char *redirect_uri, const char *state,
                                const char *verifier);

#endif
