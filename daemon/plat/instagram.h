/* instagram.h: what the files of the Instagram driver share. Private to plat/instagram*.c.
 *
 * Two kinds of login (option Login=): through a Facebook Page that the professional account is linked to, or the
 * account's own. Host and tokens differ, the calls are the same.
 * Account values: own_id, own_name, cred, whose (graph.h) and the tokens (oauth.h). Target values: container.h's. */
#ifndef SMMQ_PLAT_INSTAGRAM_H
#define SMMQ_PLAT_INSTAGRAM_H

#include <stdbool.h>

#include "daemon/plat/form.h"
#include "daemon/plat/graph.h"
#include "daemon/plat/oauth.h"
#include "daemon/plat/plat.h"

/* What a part is to Instagram. */
enum instagram_kind { INSTAGRAM_IMAGE, INSTAGRAM_REEL, INSTAGRAM_STORY, INSTAGRAM_CAROUSEL, INSTAGRAM_COMMENT };

enum instagram_kind instagram_kind(const struct plat_in *in, size_t n);
/* The caption or comment as sent. */
const char *instagram_text(const struct plat_in *in, size_t n);
/* Whether the account logs in through a Facebook Page. */
bool instagram_by_page(const struct plat_in *in);
/* Whether the bytes of videos are sent, instead of fetched. */
bool instagram_sends(const struct plat_in *in);
const struct graph *instagram_graph(const struct plat_in *in);

/* ---- instagram_tags.c: lists that options hold ---- */
/* People or products, with blanks between them: NAME, or NAME:X:Y with the place in the picture from 0 to 1. */
struct instagram_tag { const char *name, *x, *y; size_t name_len, x_len, y_len; };
/* The next one of *at; false at the end. What is not as it should be has no name. */
bool instagram_next_tag(const char **at, struct instagram_tag *out);
/* [{"key":"NAME","x":X,"y":Y}, ...]; NULL for NULL. */
const char *instagram_tags_json(const struct plat_in *in, const char *list, const char *key);
/* ["NAME", ...]; NULL for NULL. */
const char *instagram_names_json(const struct plat_in *in, const char *list);

/* ---- instagram_session.c ---- */
extern const struct oauth instagram_oauth;
void instagram_session(const struct plat_in *in, struct plat_out *out);

void instagram_check(const struct plat_in *in, struct plat_report *out);

#endif
