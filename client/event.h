/* event.h: journal events as watch and log print them, and the journal's cursor. */
#ifndef SMMQ_CLIENT_EVENT_H
#define SMMQ_CLIENT_EVENT_H

#include "client/command.h"

#define EVENT_CURSOR_BYTES 256

void event_print(struct client *c, const struct answer *a);
/* The cursor of the journal's end (STATUS); "" if it has none yet. 0 or an exit status, told. */
int event_end(struct client *c, char cursor[EVENT_CURSOR_BYTES]);
/* Keeps the event's cursor, so that a broken stream is resumed behind it. */
void event_keep(const struct answer *a, char cursor[EVENT_CURSOR_BYTES]);

#endif
