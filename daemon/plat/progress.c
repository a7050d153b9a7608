/* progress.c: chunks, polls and faults, kept in the target's values. */
#include "daemon/plat/progress.h"

#include "daemon/plat/wire.h"

/* ---- chunks ---- */

bool chunk_next(const struct plat_in *in, size_t k, uint64_t total, uint64_t chunk_bytes, struct chunk *out)
{
	int64_t at = wire_get_int_n(in->values, "at", k, 0);

	if (at < 0 || (uint64_t)at >= total || !chunk_bytes)
		return false;
	out->offset = (uint64_t)at;
	out->index = out->offset / chunk_bytes;
	out->len = total - out->offset < chunk_bytes ? total - out->offset : chunk_bytes;
	out->last = out->offset + out->len == total;
	return true;
}

bool chunk_next_full(const struct plat_in *in, size_t k, uint64_t total, uint64_t chunk_bytes, struct chunk *out)
{
	if (!chunk_next(in, k, total, chunk_bytes, out))
		return false;
	if (total - out->offset < 2 * chunk_bytes) {
		out->len = total - out->offset;
		out->last = true;
	}
	return true;
}

void chunk_arrived(const struct plat_in *in, size_t k, uint64_t at)
{
	plat_set_n(in->values, "at", k, arena_fmt(in->arena, "%llu", (unsigned long long)at));
}

void chunk_forget(const struct plat_in *in, size_t k)
{
	plat_set_n(in->values, "at", k, NULL);
}

void chunk_body(struct plat_request *r, const struct media *m, const struct chunk *c)
{
	plat_body_range(r, m, c->offset, c->len);
}

/* ---- polls ---- */

static const char *began_name(const struct plat_in *in, const char *name)
{
	return arena_fmt(in->arena, "%s_began", name);
}

void poll_begin(const struct plat_in *in, struct plat_out *out, const struct poll_plan *plan, const char *name, size_t k)
{
	const char *began = began_name(in, name);

	if (began)
		plat_set_n(in->values, began, k, arena_fmt(in->arena, "%lld", (long long)in->steady_ms));
	plat_wait(out, in->now_ms + plan->first_ms);
}

bool poll_again(const struct plat_in *in, struct plat_out *out, const struct poll_plan *plan, const char *name, size_t k,
                int64_t at_least_ms)
{
	const char *began = began_name(in, name);
	int64_t since = began ? wire_get_int_n(in->values, began, k, in->steady_ms) : in->steady_ms;
	int64_t age = in->steady_ms - since, wait;

	if (age >= plan->give_up_ms || age < 0) {
		poll_end(in, name, k);
		return false;
	}
	wait = age < plan->fast_for_ms ? plan->fast_ms : plan->slow_ms;
	plat_wait(out, in->now_ms + (wait > at_least_ms ? wait : at_least_ms));
	return true;
}

bool poll_under_way(const struct plat_in *in, const char *name, size_t k)
{
	const char *began = began_name(in, name);

	return began && plat_get_n(in->values, began, k);
}

void poll_end(const struct plat_in *in, const char *name, size_t k)
{
	const char *began = began_name(in, name);

	if (began)
		plat_set_n(in->values, began, k, NULL);
}

/* ---- faults ---- */

bool fault_count(const struct plat_in *in, const char *name, int64_t max)
{
	int64_t count = plat_get_int(in->values, name, 0) + 1;

	if (count < max)
		plat_set_int(in->values, name, count);
	else
		plat_set(in->values, name, NULL);
	return count >= max;
}
