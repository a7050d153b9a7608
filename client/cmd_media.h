/* cmd_media.h: the files given with -m, --link-image, --cover and --media-for: opened and measured first, sent only after the daemon's limit
 * is known and kept, so that no byte of a file that cannot be taken ever leaves. */
#ifndef SMMQ_CLIENT_CMD_MEDIA_H
#define SMMQ_CLIENT_CMD_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/command.h"

#define CMD_MEDIA_MAX 64

/* What a file is for: the post, the link card's picture, the cover of a video, the post on one account. */
enum cmd_media_use { CMD_MEDIA_POST, CMD_MEDIA_CARD, CMD_MEDIA_COVER, CMD_MEDIA_ACCOUNT };

struct cmd_media_file {
	const char *path;
	const char *alt;           /* NULL: none given */
	enum cmd_media_use use;
	const char *account;       /* CMD_MEDIA_ACCOUNT: whose; account_len bytes */
	size_t account_len;
	int fd;
	uint64_t size_bytes;
	char id[72];               /* what PUT returned */
};

struct cmd_media {
	struct cmd_media_file files[CMD_MEDIA_MAX];
	size_t count;
};

/* Opens the files of the command line. 0 or an exit status, told; *m may be given to cmd_media_done either way. */
int cmd_media_open(struct client *c, struct cmd_media *m);
/* HELLO, the check against its limits, PUT of each. 0 or an exit status, told; then nothing was queued. */
int cmd_media_put(struct client *c, struct cmd_media *m);
void cmd_media_done(struct cmd_media *m);

#endif
