/* token.h: a person's login (OAuth 2, RFC 6749 4.1 with PKCE): first the address at which to log in, then what the platform sent
 * the person back with. Between them stand the state and the verifier among the account's values, for half an hour, so that
 * the two may come over different connections; the code is used in the account's next session, once.
 *
 * Inside turns; the account's record is made where there is none yet. *why (in the turn's arena) tells a person what to do. */
#ifndef SMMQ_DAEMON_TOKEN_H
#define SMMQ_DAEMON_TOKEN_H

#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/turn.h"

/* redirect_uri: as it is registered with the platform's application. -ST_REFUSED: the platform has no such login, or the
 * credential lacks the application's id; -ST_INVALID: the address is none. */
int token_login_begin(struct turn *t, const struct conf_account *conf, const char *redirect_uri, const char **url, const char **why);

/* answer: the address that the browser was sent to, with its query, or the code alone. Ends a pause, whose items go on in the
 * account's pace. -ST_CONFLICT: no login was begun, or too long ago; -ST_INVALID: it is not the answer to that login;
 * -ST_REFUSED: the person or the platform said no. The caller lets the engine make a session (engine_session). */
int token_login_end(struct turn *t, const struct conf_account *conf, const char *answer, const char *by, uint64_t *account_no,
                    const char **why);

/* When a person has to log in again at the latest, as far as the platform tells: by then nothing more is posted. 0: not known, or
 * never. */
int64_t token_until_ms(struct arena *a, const struct conf_account *conf, const struct account *account);

#endif
