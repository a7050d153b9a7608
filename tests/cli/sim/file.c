/* file.c: what a file is by its content, and fetching one from an address. Written apart from the daemon's own looking. */
#include "tests/cli/sim/sim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/evp.h>

#define FETCH_TIMEOUT_S 20L

static const struct { const char *mime, *magic; size_t at, len; } kinds[] = {
	{ "image/png", "\x89PNG\r\n\x1a\n", 0, 8 },
	{ "image/jpeg", "\xff\xd8\xff", 0, 3 },
	{ "image/gif", "GIF8", 0, 4 },
	{ "image/webp", "WEBP", 8, 4 },
	{ "video/quicktime", "ftypqt  ", 4, 8 },
	{ "video/mp4", "ftyp", 4, 4 },
	{ "video/webm", "\x1a\x45\xdf\xa3", 0, 4 },
	{ "application/pdf", "%PDF-", 0, 5 },
};

const char *sim_sniff(const char *data, size_t len)
{
	for (size_t i = 0; data && i < SIM_COUNT(kinds); i++)
		if (len >= kinds[i].at + kinds[i].len && memcmp(data + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].mime;
	return NULL;
}

void sim_hash(const char *data, size_t len, char out[65])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL);
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

char *sim_base64(const char *data, size_t len, bool url)
{
	char *out = sim_need(malloc(4 * ((len + 2) / 3) + 1));

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)data, (int)len);
	for (char *p = out; url && *p; p++) {
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
		if (*p == '=')
			*p-- = '\0';
	}
	return out;
}

char *sim_unbase64(const char *text, size_t *len)
{
	size_t n = strlen(text);
	char *out = sim_need(malloc(n / 4 * 3 + 1));
	int have = n % 4 ? -1 : EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);

	if (have < 0) {
		free(out);
		return NULL;
	}
	*len = (size_t)have - (n > 1 && text[n - 1] == '=') - (n > 1 && text[n - 2] == '=');
	return out;
}

/* PNG: the first chunk. JPEG: the first start-of-frame segment. */
void sim_picture_size(const char *data, size_t len, int *width, int *height)
{
	const unsigned char *p = (const unsigned char *)data;

	*width = *height = 0;
	if (len >= 24 && memcmp(data, "\x89PNG", 4) == 0) {
		*width = p[18] << 8 | p[19];
		*height = p[22] << 8 | p[23];
	}
	if (len < 4 || p[0] != 0xFF || p[1] != 0xD8)
		return;
	for (size_t at = 2; at + 9 < len && p[at] == 0xFF; at += 2 + (size_t)(p[at + 2] << 8 | p[at + 3])) {
		if (p[at + 1] < 0xC0 || p[at + 1] > 0xCF || p[at + 1] == 0xC4 || p[at + 1] == 0xC8 || p[at + 1] == 0xCC)
			continue;
		*height = p[at + 5] << 8 | p[at + 6];
		*width = p[at + 7] << 8 | p[at + 8];
		return;
	}
}

/* ---- fetching ---- */

struct gathered { char *data; size_t len; };

static size_t gather(char *data, size_t one, size_t count, void *arg)
{
	struct gathered *g = arg;
	size_t size = one * count;

	if (g->len + size > SIM_MAX_BODY)
		return 0;
	g->data = sim_need(realloc(g->data, g->len + size + 1));
	memcpy(g->data + g->len, data, size);
	g->len += size;
	g->data[g->len] = '\0';
	return size;
}

static void begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static const char *fetch(CURL *c, const char *url, struct gathered *g, char mime[64])
{
	const char *type = NULL;
	long status = 0;

	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, FETCH_TIMEOUT_S);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, gather);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, g);
	if (curl_easy_perform(c) != CURLE_OK)
		return "cannot be fetched";
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	if (status != 200)
		return "does not answer 200";
	if (!type || !g->len)
		return "has no type or no content";
	snprintf(mime, 64, "%.*s", (int)strcspn(type, "; "), type);
	return NULL;
}

char *sim_fetch(const char *url, size_t *len, char mime[64], const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct gathered g = { NULL, 0 };
	CURL *c;

	pthread_once(&once, begin);
	sim_unlock();
	c = sim_need(curl_easy_init());
	*why = fetch(c, url, &g, mime);
	curl_easy_cleanup(c);
	sim_lock();
	*len = g.len;
	if (!*why)
		return g.data;
	free(g.data);
	return NULL;
}
