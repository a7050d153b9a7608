/* text_x_char.c: the sets of characters in X's expressions for links. */
#include "daemon/model/text_x.h"

#include <string.h>
#include <unicode/uchar.h>

bool x_in_set(UChar c, const char *set)
{
	return c && c < 0x80 && strchr(set, (char)c);
}

bool x_is_digit(UChar c)
{
	return c >= '0' && c <= '9';
}

bool x_is_alnum(UChar c)
{
	return x_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct range { UChar first, last; };

static bool in_ranges(UChar c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

#define IN(c, ranges) in_ranges(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

bool x_is_domain_char(UChar c)
{
	static const struct range others[] = {      /* white space, marks of direction, what is never valid */
		{ 0x09, 0x0D }, { 0x20, 0x20 }, { 0x85, 0x85 }, { 0xA0, 0xA0 }, { 0x061C, 0x061C }, { 0x1680, 0x1680 },
		{ 0x180E, 0x180E }, { 0x2000, 0x200A }, { 0x200E, 0x200F }, { 0x2028, 0x202F }, { 0x205F, 0x205F },
		{ 0x2066, 0x2069 }, { 0x3000, 0x3000 }, { 0xFEFF, 0xFEFF }, { 0xFFFE, 0xFFFF },
	};

	return !x_in_set(c, "!'#%&()*+,\\-./:;<=>?@[]^_{|}~$") && !IN(c, others);
}

UChar x_capital(UChar c)
{
	UChar32 upper = u_toupper(c);

	return c >= 0x80 && (upper < 0x80 || upper > 0xFFFF) ? c : (UChar)upper;
}

bool x_is_latin(UChar c)
{
	static const struct range letters[] = {
		{ 0xC0, 0xD6 }, { 0xD8, 0xF6 }, { 0xF8, 0x024F }, { 0x0253, 0x0254 }, { 0x0256, 0x0257 }, { 0x0259, 0x0259 },
		{ 0x025B, 0x025B }, { 0x0263, 0x0263 }, { 0x0268, 0x0268 }, { 0x026F, 0x026F }, { 0x0272, 0x0272 },
		{ 0x0289, 0x0289 }, { 0x028B, 0x028B }, { 0x02BB, 0x02BB }, { 0x0300, 0x036F }, { 0x1E00, 0x1EFF },
		/* Whose capitals lie elsewhere: those, and what shares them. */
		{ 0x0399, 0x0399 }, { 0x03B9, 0x03B9 }, { 0x1FBE, 0x1FBE }, { 0x2C7E, 0x2C7F },
	};

	return IN(c, letters) || IN(x_capital(c), letters);
}

static bool is_cyrillic(UChar c)
{
	static const struct range letters[] = { { 0x0400, 0x04FF } };

	return IN(c, letters) || IN(x_capital(c), letters);
}

bool x_is_path_char(UChar c)
{
	return x_is_alnum(c) || x_in_set(c, "!*';:=+,.$/%#[]-_~@|&") || c == 0x2013 || is_cyrillic(c) || x_is_latin(c);
}

bool x_is_path_end(UChar c)
{
	return x_is_alnum(c) || x_in_set(c, "+-=_#/") || is_cyrillic(c) || x_is_latin(c);
}

bool x_is_query_char(UChar c)
{
	return x_is_alnum(c) || x_in_set(c, "!?*'@();:&=+$/%#[]-_.,~|");
}

bool x_is_query_end(UChar c)
{
	return x_is_alnum(c) || x_in_set(c, "-_&=#/");
}

bool x_is_name_char(UChar c)
{
	return x_is_alnum(c) || c == '-' || x_is_latin(c);
}
