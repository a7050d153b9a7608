/* fuzz_conf.c: any bytes as a configuration file, an account's file or a credential file. The first byte chooses which; what
 * is looked for is a crash, and values that come out other than they went in. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conf_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_file(struct conf_source *s, const char *text, size_t len)
{
	if (conf_source_parse(s, text, len) == 0 && conf_source_defaults(s) == 0 && s->account && s->account->plat)
		(void)conf_account_check(s);
}

/* inih must see every option as the text has it: behind the '=', without the blanks around it, uncut. */
static int compare_value(void *ctx, unsigned line, const char *section, const char *name, const char *value)
{
	const char *text = ctx, *equals;
	size_t len;

	(void)section;
	if (!name)
		return 0;
	for (; line > 1; line--)
		text = strchr(text, '\n') + 1;
	equals = text + strcspn(text, "=\n");
	if (*equals != '=')
		abort();
	equals += 1 + strspn(equals + 1, " \t");
	len = strcspn(equals, "\n");
	while (len > 0 && strchr(" \t\r", equals[len - 1]))
		len--;
	if (strlen(value) != len || memcmp(value, equals, len) != 0)
		abort();
	return 0;
}

static void fuzz_values(char *text, size_t len)
{
	struct conf_error error;

	if (!memchr(text, '\0', len))
		(void)conf_read_text("fuzz", text, len, compare_value, text, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf conf = { .file = NULL };
	struct conf_account account = { .name = NULL };
	struct conf_error error = { "" };
	struct arena arena;
	struct conf_source s = { .file = "fuzz", .arena = &arena, .error = &error };
	char *text;

	if (size == 0 || size > CONF_MAX_CREDENTIAL_BYTES)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	arena_init(&arena, CONF_MAX_BYTES);
	s.conf = data[0] == 'd' ? &conf : NULL;
	s.account = s.conf ? NULL : &account;
	if (data[0] == 'c')
		(void)conf_credential_split(&s, "fuzz", text, size - 1);
	else if (data[0] == 'v')
		fuzz_values(text, size - 1);
	else
		fuzz_file(&s, text, size - 1);
	if (memchr(error.text, '\0', sizeof(error.text)) == NULL)
		abort();
	arena_done(&arena);
	free(text);
	return 0;
}
