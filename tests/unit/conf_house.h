/* conf_house.h: configuration files in a directory of their own, loaded well or refused in one line that holds no secret. */
#ifndef SMMQ_TESTS_CONF_HOUSE_H
#define SMMQ_TESTS_CONF_HOUSE_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/conf.h"

#define SECRET "s3cr3t-t0ken-0f-the-test"

int conf_house_setup(void **state);
int conf_house_teardown(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, conf_house_setup, conf_house_teardown)

/* ---- files ---- */
/* A name in the directory; the text counts until seven more were asked for. */
const char *at(const char *name);
void put_bytes(const char *name, const void *data, size_t len, mode_t mode);
void put(const char *name, const char *text);
void put_secret(const char *name, const char *text);
/* text with each '@' as the test's directory. */
void put_here(const char *name, const char *text);
/* The account "brand" with that credential. */
void put_account(const char *platform, const char *credential);

/* ---- loading ---- */
const struct conf *load_ok(void);
/* It fails, in one line that begins with file:line (line 0: file alone) and holds every part. Parts end with NULL. */
void load_fails(const char *file, unsigned line, const char *const *parts);
#define FAILS(file, line, ...) load_fails(file, line, (const char *const[]){ __VA_ARGS__, NULL })
#define MAIN_FAILS(text, line, ...) do { put_here("smmqd.conf", text); FAILS("smmqd.conf", line, __VA_ARGS__); } while (0)
#define ACCOUNT_FAILS(text, line, ...) \
	do { put_here("accounts.d/brand.conf", text); FAILS("accounts.d/brand.conf", line, __VA_ARGS__); } while (0)

#endif
