/* plat_world.h: a small world for calls to drivers and their rooms: one account, one post of one part. */
#ifndef SMMQ_TESTS_UNIT_PLAT_WORLD_H
#define SMMQ_TESTS_UNIT_PLAT_WORLD_H

#include <string.h>

#include "daemon/plat/plat.h"

struct world {
	struct arena arena;
	struct plat_values account_values, values;
	struct plat_account account;
	struct value credential[2];
	struct part part;
	struct media media;
	struct content content;
	struct post post;
	struct target target;
	struct plat_response response;
	struct plat_in in;
	struct plat_out out;
};

static char world_text[] = "Hello", world_sum[] = "00112233", world_alt[] = "Red", world_mime[] = "image/png",
                           world_name[] = "a\"b\r\n.png";
static char name_secret[] = "secret", name_token[] = "token", text_secret[] = "key";

static inline void world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, 8 << 20);
	w->account_values.arena = w->values.arena = &w->arena;
	w->credential[0] = (struct value){ .name = name_secret, .text = text_secret };
	w->credential[1] = (struct value){ .name = name_token, .text = text_secret };
	w->account = (struct plat_account){ .name = "brand", .base_url = "https://x.example",
	                                    .credential = w->credential, .credential_count = 2 };
	w->media = (struct media){ .sha256 = world_sum, .alt = world_alt, .mime = world_mime, .name = world_name,
	                           .size_bytes = 7 };
	w->part = (struct part){ .text = world_text };
	w->content = (struct content){ .parts = &w->part, .part_count = 1 };
	w->post = (struct post){ .id = 42, .content = &w->content, .content_count = 1 };
	w->target = (struct target){ .id = 42, .n = 1 };
	w->in = (struct plat_in){ .arena = &w->arena, .account = &w->account, .account_values = &w->account_values,
	                          .post = &w->post,
	                          .target = &w->target, .content = &w->content, .values = &w->values,
	                                    .now_ms = 1795287600000, .steady_ms = 1795287600000 };
}

static inline void world_end(struct world *w)
{
	arena_done(&w->arena);
}

static inline const char *header(const struct plat_request *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcmp(r->headers[i].name, name))
			return r->headers[i].value;
	return NULL;
}

static inline void respond(struct world *w, int status, const char *body, const struct plat_header *headers, size_t count)
{
	w->response = (struct plat_response){ .status = status, .body = body, .body_len = strlen(body),
	                                      .headers = headers, .header_count = count };
	w->in.response = &w->response;
}

#endif
