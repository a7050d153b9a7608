/* public.h: media for platforms that fetch them by address. Private to plat/.
 *
 * Each file is put where the account's struct plat_public says, under a name that cannot be guessed; its address is
 * asked for once from here, so that a platform is not sent to a place that nobody sees; and it is removed when the
 * post has ended. Target values: public.K (the name), public_of.K (of which file), public_put.K (1 once it was put
 * there), public_ok.K (1 once it was seen at its address), public_old.K (names from before an edit). All of it is
 * repeatable; a driver keeps them when it forgets its own (PUBLIC_LASTING). K counts the media of the part under way. */
#ifndef SMMQ_PLAT_PUBLIC_H
#define SMMQ_PLAT_PUBLIC_H

#include <stdbool.h>

#include "daemon/plat/plat.h"
#include "daemon/plat/wire.h"

/* For the lists of wire_forget(). */
#define PUBLIC_LASTING "public", "public_of", "public_put", "public_ok", "public_old", "public_olds"

/* A preflight finding (rule "public-media") where media have to be public and the account has no place for them. */
void public_check(const struct wire_check *c);
/* True when *out is filled (an exchange, a wait, a failure); false when file k can be fetched at public_url(). */
bool public_media(const struct plat_in *in, struct plat_out *out, size_t k, const struct media *m);
/* Takes the answers to steps "public.K" and "reach.K": true when *out is filled, false to go on. */
bool public_answer(const struct plat_in *in, struct plat_out *out);
/* The address of file k. NULL while it has no name, or without memory. */
const char *public_url(const struct plat_in *in, size_t k);
/* struct plat's clean(): removes what was put there, one file after the other. */
void public_clean(const struct plat_in *in, struct plat_out *out);

#endif
