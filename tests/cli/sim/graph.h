/* graph.h: what the simulated platforms of Meta share: errors, fields, lists. */
#ifndef SMMQ_TESTS_SIM_GRAPH_H
#define SMMQ_TESTS_SIM_GRAPH_H

#include "tests/cli/sim/sim.h"

void graph_error(struct sim_reply *r, int code, int subcode, const char *message);
/* The request has no field but these (and the token's): a parameter that nobody knows is a mistake. False: refused. */
bool graph_fields_known(struct sim_request *q, struct sim_reply *r, const char *names);
/* The token stands where the contract wants it: scheme "Bearer" or "OAuth". False: refused. */
bool graph_scheme_good(struct sim_request *q, struct sim_reply *r, const char *scheme);
/* Answers with an object: only what fields= asks for, and the id. Takes o. */
void graph_object(struct sim_request *q, struct sim_reply *r, cJSON *o);
/* Answers with a page of a list, the newest first; show makes an object of an entry, or NULL to leave it out. since=, limit=, after=. */
typedef cJSON *graph_show(struct sim *s, struct sim_request *q, const cJSON *entry);
void graph_list(struct sim *s, struct sim_request *q, struct sim_reply *r, const char *book, graph_show *show);
void graph_time(const cJSON *entry, char out[32]);       /* 2026-03-01T09:30:00+0000, of received_ms */
bool graph_true(struct sim_request *q, const char *name);
/* Fetches an address, or takes the bytes of a part; a new entry of "media" with size, type, checksum. NULL: refused. */
cJSON *graph_media(struct sim *s, struct sim_request *q, const char *url, const struct sim_field *file, const char **why);

extern const struct sim_words graph_words[SIM_REFUSALS];
sim_handler graph_refresh;                               /* GET refresh_access_token */

#endif
