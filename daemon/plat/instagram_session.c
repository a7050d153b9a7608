/* instagram_session.c: the tokens of both kinds of login, and whose they are. */
#include "daemon/plat/instagram.h"

#include <string.h>

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define PAGE_TOKENS "https://graph.facebook.com/" GRAPH_VERSION "/oauth/access_token"

static const struct oauth by_page = {
	.platform = "instagram",
	.client_id_name = "client_id",
	.authorize_url = "https://www.facebook.com/" GRAPH_VERSION "/dialog/oauth",
	.scope_separator = ",",
	.scopes = "instagram_basic instagram_content_publish instagram_manage_comments instagram_manage_insights pages_show_list "
	          "pages_read_engagement business_management",
	.code = { .url = PAGE_TOKENS, .get = true },
	.extend = { .url = PAGE_TOKENS, .get = true, .grant_type = "fb_exchange_token", .token_name = "fb_exchange_token",
	            .by_access = true },
	.refresh = { .url = PAGE_TOKENS, .get = true, .grant_type = "fb_exchange_token", .token_name = "fb_exchange_token",
	             .by_access = true },
	.life_ms = 60 * DAY_MS,
	.min_age_ms = DAY_MS,
	.passing = graph_passes,
};

const struct oauth instagram_oauth = {
	.platform = "instagram",
	.client_id_name = "client_id",
	.authorize_url = "https://www.instagram.com/oauth/authorize",
	.scope_separator = ",",
	.scopes = "instagram_business_basic instagram_business_content_publish instagram_business_manage_comments "
	          "instagram_business_manage_insights",
	.code = { .url = "https://api.instagram.com/oauth/access_token", .grant_type = "authorization_code" },
	.extend = { .url = "https://graph.instagram.com/access_token", .get = true, .grant_type = "ig_exchange_token",
	            .token_name = "access_token", .by_access = true, .no_client_id = true },
	.refresh = { .url = "https://graph.instagram.com/refresh_access_token", .get = true, .grant_type = "ig_refresh_token",
	             .token_name = "access_token", .by_access = true, .no_client = true },
	.life_ms = 60 * DAY_MS,
	.min_age_ms = DAY_MS,
	.passing = graph_passes,
	.option = "Login", .word = "facebook", .other = &by_page,
};

static void ask_who(const struct plat_in *in, struct plat_out *out)
{
	const char *page = plat_option(in->account, "Page"), *path;

	path = page ? arena_fmt(in->arena, "/%s", wire_str(wire_percent(in->arena, page, ""))) : NULL;
	if (!instagram_by_page(in))
		graph_get(in, out, instagram_graph(in), "who", "/me", "fields=user_id,username");
	else if (!page)
		plat_fail(out, PLAT_AUTH,
		          "instagram: Login=facebook needs the number of the Page that the account is linked to; set Page= in [Platform]");
	else
		graph_get(in, out, instagram_graph(in), "who", wire_str(path),
		          "fields=instagram_business_account%7Bid,username%7D");
}

static void who_answer(const struct plat_in *in, struct plat_out *out)
{
	const struct graph *g = instagram_graph(in);
	struct graph_answer answer;
	const struct json *who;
	char digits[24];
	const char *id;

	graph_answer_read(in, &answer);
	who = instagram_by_page(in) ? json_get(answer.wire.json, "instagram_business_account") : answer.wire.json;
	id = json_get_id(who, instagram_by_page(in) ? "id" : "user_id", digits);
	if (answer.good && instagram_by_page(in) && !id)
		plat_fail(out, PLAT_AUTH,
		          arena_fmt(in->arena, "instagram: no professional account is linked to the Page %s; link one to it, or set "
		                                    "Page= to another", wire_str(plat_option(in->account, "Page"))));
	else if (!answer.good || !id || !*id)
		graph_refuse(in, out, g, "the question whose token it is", &answer);
	else if (graph_profile(in, out, g, id, json_get_text(who, "username")))
		plat_done(out, plat_get(in->account_values, "own_id"), NULL);
	graph_answer_done(&answer);
}

void instagram_session(const struct plat_in *in, struct plat_out *out)
{
	memset(out, 0, sizeof(*out));
	if (!oauth_session(in, out, oauth_of(&instagram_oauth, in->account))) {
		if (in->response && wire_step_is(in->response_step, "who", NULL))
			who_answer(in, out);
		else
			ask_who(in, out);
	}
	wire_end(in, out);
}
