/* when.h: times as people read them, from the fields that every target carries (local, zone, due). */
#ifndef SMMQ_CLIENT_WHEN_H
#define SMMQ_CLIENT_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "client/out.h"
#include "proto/json.h"

#define WHEN_SIZE 192

/* "Tue 2026-12-01 09:00" (seconds only where there are some); "" where the target has no time. Returns buf. */
char *when_local(const struct json *target, char buf[WHEN_SIZE]);
/* "Tue 2026-12-01 09:00 Europe/Paris (2026-12-01T08:00:00Z)"; "no time yet". */
char *when_full(const struct json *target, char buf[WHEN_SIZE]);
/* An instant in the zone of the user's machine: "2026-12-01 09:00:03". */
char *when_here(int64_t time_ms, char buf[WHEN_SIZE]);
/* Tells each target's time and warnings on standard error, as add and move do. */
void when_echo(struct out *o, const struct json *answer);

#endif
