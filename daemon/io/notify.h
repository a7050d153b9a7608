/* notify.h: what systemd is told and gives: readiness, status, watchdog, listening sockets. No-ops without systemd. */
#ifndef SMMQ_IO_NOTIFY_H
#define SMMQ_IO_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);       /* READY=1 with STATUS= and MAINPID */
void notify_status(const char *status);
void notify_stopping(const char *status);
void notify_reloading(void);                 /* RELOADING=1 with MONOTONIC_USEC */
void notify_watchdog(void);
int64_t notify_watchdog_ms(void);            /* the interval asked for, 0 = none; ping at half of it */
/* A listening AF_UNIX stream socket passed by systemd (LISTEN_FDS), or -1. More than one: the first, the others are
 * closed. */
int notify_listen_fd(void);

#endif
