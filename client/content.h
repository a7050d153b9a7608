/* content.h: what a post says, from the command line to the keys of ADD and EDIT: text or thread, media, link card. */
#ifndef SMMQ_CLIENT_CONTENT_H
#define SMMQ_CLIENT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "client/cmd_media.h"
#include "client/command.h"
#include "proto/json.h"

#define CONTENT_MAX_PARTS 1000

struct content {
	char *text;                       /* NULL: none given (edit keeps what is there) */
	char **parts;                     /* of --thread */
	size_t part_count;
	struct cmd_media media;
	bool no_media;                    /* --no-media */
};

/* Checks the options, reads the text (operand `text_operand` or those sources that replace it) and opens the media.
 * must_have: without any text the standard input is read, unless it is a terminal. 0 or an exit status, told. */
int content_read(struct client *c, struct content *content, size_t text_operand, bool must_have);
/* Writes the keys into the open object. After cmd_media_put. */
void content_write(const struct client *c, const struct content *content, struct json_writer *w);
void content_done(struct content *content);
/* Of content.c and extra.c: the members of a media element, and its end. */
void content_write_file(const struct cmd_media_file *f, struct json_writer *w);
/* extra.c: poll, cover, settings; and what is meant for one account alone. */
void extra_write(const struct client *c, const struct content *content, struct json_writer *w);
/* --text-for, --media-for, --set ACCOUNT:NAME=VALUE. 0 or an exit status, told. */
int extra_write_for(struct client *c, const struct content *content, struct json_writer *w);
/* --set is NAME=VALUE or ACCOUNT:NAME=VALUE. 0 or an exit status, told. */
int extra_check(struct client *c, bool accounts);

#endif
