/* cmd_peer.c: who a caller is, by the kernel's word (SO_PEERCRED), and what he may do. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/cmd_priv.h"

static bool peer_in_group(const struct cmd_peer *p, gid_t gid)
{
	if (gid == (gid_t)-1)
		return false;
	if (p->gid == gid)
		return true;
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}

int cmd_peer_level(const struct conf *conf, const struct cmd_peer *p)
{
	if (p->uid == 0 || p->uid == geteuid())
		return LEVEL_ADMIN;
	if (peer_in_group(p, conf->admin_gid))
		return LEVEL_ADMIN;
	if (peer_in_group(p, conf->approve_gid))
		return LEVEL_APPROVE;
	if (peer_in_group(p, conf->submit_gid))
		return LEVEL_SUBMIT;
	if (peer_in_group(p, conf->read_gid))
		return LEVEL_READ;
	bool none = conf->admin_group == NULL && conf->approve_group == NULL && conf->submit_group == NULL && conf->read_group == NULL;
	return none ? LEVEL_SUBMIT : -1;
}

void cmd_peer_name(uid_t uid, char *out, size_t size)
{
	struct passwd pw, *found = NULL;
	char buf[2048];
	if (getpwuid_r(uid, &pw, buf, sizeof buf, &found) == 0 && found != NULL)
		(void)snprintf(out, size, "%s", found->pw_name);
	else
		(void)snprintf(out, size, "uid %lu", (unsigned long)uid);
}
