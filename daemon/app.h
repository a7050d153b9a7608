/* app.h: the daemon put together: which part is told what by which other. main.c only parses the command line. */
#ifndef SMMQ_APP_H
#define SMMQ_APP_H

#include "daemon/conf.h"

/* Runs the daemon with this configuration until it is told to stop. Takes a reference of its own. The exit status:
 * 0, 74 (store or disk), 78 (configuration, or another daemon has the directory). Every failure has been logged in one line. */
int app_run(const struct conf *conf);

#endif
