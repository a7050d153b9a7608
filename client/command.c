/* command.c: the one table of commands and options. The manual smmq(1) and the completions are compared with it through
 * `smmq help -j`. */
#include "client/command.h"

#include <string.h>

#include "proto/buf.h"
#include "proto/json.h"

#define FILTER_STATE \
	"a state, or several with commas: draft queued sending unknown held failed published cancelled missed expired"

const struct arg_option command_common_options[] = {
	{ "socket", 's', ARG_FILE, "PATH", "the daemon's socket" },
	{ "json", 'j', ARG_FLAG, NULL, "print one JSON object per line" },
	{ "quiet", 'q', ARG_FLAG, NULL, "no talk on standard error, errors only" },
	{ "help", 'h', ARG_FLAG, NULL, "show the command's usage and options" },
	{ "version", 'V', ARG_FLAG, NULL, "print the client's version" },
	{ 0 }
};

static const struct arg_option add_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT[,ACCOUNT...]", "where to; each account becomes a target; may be repeated" },
	{ "at", 0, ARG_TEXT, "TIME", "when, in each account's zone: 2026-12-01 09:00, fri 9:00, +2h" },
	{ "now", 0, ARG_FLAG, NULL, "as soon as possible" },
	{ "past", 0, ARG_CHOICE, "refuse|now|tomorrow", "what to do with a time that has passed" },
	{ "media", 'm', ARG_FILE, "FILE", "a picture or video; may be repeated" },
	{ "alt", 0, ARG_TEXT, "TEXT", "describes the file before it (-m, --media-for, --cover, --link-image)" },
	{ "link", 0, ARG_TEXT, "URL", "the page of a link card" },
	{ "link-title", 0, ARG_TEXT, "TEXT", "the card's title" },
	{ "link-description", 0, ARG_TEXT, "TEXT", "the card's description" },
	{ "link-image", 0, ARG_FILE, "FILE", "the card's picture" },
	{ "text-for", 0, ARG_TEXT, "ACCOUNT=TEXT", "another text on one account; may be repeated" },
	{ "file", 'f', ARG_FILE, "FILE", "read the text from FILE (- is standard input)" },
	{ "thread", 0, ARG_FILE, "FILE", "a thread: parts separated by lines of ---" },
	{ "first-comment", 0, ARG_TEXT, "TEXT", "a reply of your own to the first part" },
	{ "as", 0, ARG_CHOICE, "post|story|reel|short|spotlight", "what it is published as, where a platform has more than posts" },
	{ "title", 0, ARG_TEXT, "TEXT", "the title of a video, a pin or a document" },
	{ "warning", 0, ARG_TEXT, "TEXT", "a content warning: what readers are told before they see it" },
	{ "quote", 0, ARG_TEXT, "URL", "the post that this one quotes" },
	{ "poll", 0, ARG_TEXT, "CHOICE", "a poll's choice; two or more" },
	{ "poll-for", 0, ARG_SPAN, "DURATION", "how long the poll is open (1d)" },
	{ "poll-multiple", 0, ARG_FLAG, NULL, "more than one choice may be taken" },
	{ "cover", 0, ARG_FILE, "FILE", "the picture that a video shows before it plays" },
	{ "media-for", 0, ARG_TEXT, "ACCOUNT=FILE", "other media on one account; may be repeated" },
	{ "set", 0, ARG_TEXT, "[ACCOUNT:]NAME=VALUE", "a platform's option for this post alone; may be repeated" },
	{ "language", 0, ARG_TEXT, "TAG", "the text's language: en, pt-BR" },
	{ "label", 'l', ARG_TEXT, "LABEL", "a name to select by" },
	{ "key", 'k', ARG_TEXT, "KEY", "the same key and request are never queued twice" },
	{ "draft", 0, ARG_FLAG, NULL, "keep as a draft; release queues it" },
	{ "hold", 0, ARG_FLAG, NULL, "start held; release fires it" },
	{ "late", 0, ARG_CHOICE, "post|skip|hold|next", "what to do when it could not be sent in time" },
	{ "max-late", 0, ARG_SPAN, "DURATION", "later than this counts as missed" },
	{ "expires", 0, ARG_TEXT, "TIME", "never send it after this" },
	{ "dry-run", 'n', ARG_FLAG, NULL, "check and preview; queue nothing" },
	{ 0 }
};

static const struct arg_option edit_options[] = {
	{ "media", 'm', ARG_FILE, "FILE", "new media in place of the old; may be repeated" },
	{ "alt", 0, ARG_TEXT, "TEXT", "describes the file before it (-m, --media-for, --cover, --link-image)" },
	{ "no-media", 0, ARG_FLAG, NULL, "remove the media" },
	{ "link", 0, ARG_TEXT, "URL", "the page of a link card" },
	{ "link-title", 0, ARG_TEXT, "TEXT", "the card's title" },
	{ "link-description", 0, ARG_TEXT, "TEXT", "the card's description" },
	{ "link-image", 0, ARG_FILE, "FILE", "the card's picture" },
	{ "no-link", 0, ARG_FLAG, NULL, "remove the link card" },
	{ "file", 'f', ARG_FILE, "FILE", "read the text from FILE (- is standard input)" },
	{ "thread", 0, ARG_FILE, "FILE", "a thread: parts separated by lines of ---" },
	{ "first-comment", 0, ARG_TEXT, "TEXT", "a reply of your own to the first part" },
	{ "as", 0, ARG_CHOICE, "post|story|reel|short|spotlight", "what it is published as, where a platform has more than posts" },
	{ "title", 0, ARG_TEXT, "TEXT", "the title of a video, a pin or a document" },
	{ "warning", 0, ARG_TEXT, "TEXT", "a content warning: what readers are told before they see it" },
	{ "quote", 0, ARG_TEXT, "URL", "the post that this one quotes" },
	{ "poll", 0, ARG_TEXT, "CHOICE", "a poll's choice; two or more" },
	{ "poll-for", 0, ARG_SPAN, "DURATION", "how long the poll is open (1d)" },
	{ "poll-multiple", 0, ARG_FLAG, NULL, "more than one choice may be taken" },
	{ "cover", 0, ARG_FILE, "FILE", "the picture that a video shows before it plays" },
	{ "set", 0, ARG_TEXT, "NAME=VALUE", "a platform's option for this post alone, in place of all that were set; may be repeated" },
	{ "no-title", 0, ARG_FLAG, NULL, "remove the title" },
	{ "no-warning", 0, ARG_FLAG, NULL, "remove the content warning" },
	{ "no-quote", 0, ARG_FLAG, NULL, "remove the quote" },
	{ "no-poll", 0, ARG_FLAG, NULL, "remove the poll" },
	{ "no-cover", 0, ARG_FLAG, NULL, "remove the cover" },
	{ "language", 0, ARG_TEXT, "TAG", "the text's language" },
	{ "no-language", 0, ARG_FLAG, NULL, "remove the language" },
	{ "label", 'l', ARG_TEXT, "LABEL", "a name to select by" },
	{ "no-label", 0, ARG_FLAG, NULL, "remove the label" },
	{ "if-rev", 0, ARG_COUNT, "REV", "only if the item has this revision" },
	{ 0 }
};

static const struct arg_option move_options[] = {
	{ "at", 0, ARG_TEXT, "TIME", "when" },
	{ "now", 0, ARG_FLAG, NULL, "as soon as possible" },
	{ "past", 0, ARG_CHOICE, "refuse|now|tomorrow", "what to do with a time that has passed" },
	{ "if-rev", 0, ARG_COUNT, "REV", "only if the item has this revision" },
	{ 0 }
};

static const struct arg_option list_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT", "of this account" },
	{ "label", 'l', ARG_TEXT, "LABEL", "with this label" },
	{ "state", 0, ARG_TEXT, "STATE[,STATE...]", FILTER_STATE },
	{ "all", 0, ARG_FLAG, NULL, "in every state; without it those where something may still happen, and failed" },
	{ "limit", 'n', ARG_COUNT, "N", "at most N lines" },
	{ 0 }
};

static const struct arg_option cancel_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT", "everything of this account" },
	{ "label", 'l', ARG_TEXT, "LABEL", "everything with this label" },
	{ "state", 0, ARG_TEXT, "STATE[,STATE...]", FILTER_STATE },
	{ "dry-run", 'n', ARG_FLAG, NULL, "count; cancel nothing" },
	{ 0 }
};

static const struct arg_option hold_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT", "a gate before this account" },
	{ "label", 'l', ARG_TEXT, "LABEL", "a gate before this label" },
	{ "reason", 'r', ARG_TEXT, "TEXT", "why; shown to everybody" },
	{ "until", 0, ARG_TEXT, "TIME", "the gate opens by itself then" },
	{ "backlog", 0, ARG_TEXT, "POLICY", "what becomes of what waits then: pace, now, skip or hold" },
	{ 0 }
};

static const struct arg_option release_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT", "open this account's gate, or end its pause" },
	{ "label", 'l', ARG_TEXT, "LABEL", "open this label's gate" },
	{ "gate", 'g', ARG_TEXT, "NAME", "open the gate of this name, as status shows it" },
	{ "backlog", 0, ARG_TEXT, "POLICY", "what becomes of what waited: pace, now, skip or hold" },
	{ 0 }
};

static const struct arg_option resolve_options[] = {
	{ "published", 0, ARG_TEXT, "URL", "it is there, at this address" },
	{ "remote-id", 0, ARG_TEXT, "ID", "the platform's id of it, with --published" },
	{ "absent", 0, ARG_FLAG, NULL, "it is not there: send it again" },
	{ "failed", 0, ARG_FLAG, NULL, "give it up" },
	{ "reason", 'r', ARG_TEXT, "TEXT", "why, with --failed" },
	{ "lookup", 0, ARG_FLAG, NULL, "let the daemon look again now" },
	{ 0 }
};

static const struct arg_option wait_options[] = {
	{ "timeout", 't', ARG_SPAN, "DURATION", "give up after this with exit status 124" },
	{ "settle", 0, ARG_SPAN, "DURATION", "how long an unknown outcome may be looked up before it is the answer (30s)" },
	{ 0 }
};

static const struct arg_option status_options[] = {
	{ "check", 0, ARG_FLAG, NULL, "one line for a monitor; exit status 0 good, 1 warning, 2 critical" },
	{ 0 }
};

static const struct arg_option watch_options[] = {
	{ "account", 'a', ARG_TEXT, "ACCOUNT", "events of this account only" },
	{ "since", 0, ARG_TEXT, "CURSOR", "begin behind this event" },
	{ 0 }
};

static const struct arg_option log_options[] = {
	{ "limit", 'n', ARG_COUNT, "N", "at most N events" },
	{ "since", 0, ARG_TEXT, "CURSOR", "begin behind this event" },
	{ "all", 0, ARG_FLAG, NULL, "the whole journal; without it, ids and --since the newest 100 events" },
	{ 0 }
};

static const struct arg_option drain_options[] = {
	{ "timeout", 't', ARG_SPAN, "DURATION", "how long to wait for what is in flight (30s)" },
	{ "off", 0, ARG_FLAG, NULL, "fire again" },
	{ 0 }
};

static const struct arg_option account_options[] = {
	{ "redirect", 0, ARG_TEXT, "URL", "login: the redirect address registered with the application (http://127.0.0.1:8765/)" },
	{ "answer", 0, ARG_TEXT, "ADDRESS", "login: what the browser was sent to, or the code in it" },
	{ 0 }
};

static const struct arg_option no_options[] = { { 0 } };

#define MANY SIZE_MAX

static const struct command commands[] = {
	{ "add", cmd_add,
		"-a ACCOUNT[,ACCOUNT...] --at TIME | --now | --draft  [OPTION...] [TEXT | - | -f FILE | --thread FILE]",
		"queue a post", add_options, 0, MANY, VERB_ADD },
	{ "list", cmd_list, "[--account ACCOUNT] [--label LABEL] [--state STATE | --all] [--limit N]",
		"list targets, one line each", list_options, 0, 0, VERB_LIST },
	{ "show", cmd_show, "ID... | -", "show posts with everything known about them", no_options, 1, MANY, VERB_SHOW },
	{ "status", cmd_status, "[--check]", "what needs attention, counts, gates and accounts", status_options, 0, 0,
		VERB_STATUS },
	{ "edit", cmd_edit, "ID [OPTION...] [TEXT | - | -f FILE | --thread FILE]", "change what a post says", edit_options,
		1, MANY, VERB_EDIT },
	{ "move", cmd_move, "ID... | -  --at TIME | --now", "give another time", move_options, 1, MANY, VERB_MOVE },
	{ "cancel", cmd_cancel, "ID... | - | ALL | --account ACCOUNT | --label LABEL | --state STATE  [--dry-run]",
		"cancel: guaranteed not sent, or told that it is too late", cancel_options, 0, MANY, VERB_CANCEL },
	{ "hold", cmd_hold, "ID... | - | ALL | --account ACCOUNT | --label LABEL  [--reason TEXT] [--until TIME] [--backlog POLICY]",
		"hold items, or everything of an account, a label or all", hold_options, 0, MANY, VERB_HOLD },
	{ "release", cmd_release, "ID... | - | ALL | --account ACCOUNT | --label LABEL | --gate NAME  [--backlog POLICY]",
		"let go what is held or a draft, or open a gate", release_options, 0, MANY, VERB_RELEASE },
	{ "retry", cmd_retry, "ID... | -", "let failed targets go on with what is missing", no_options, 1, MANY,
		VERB_RETRY },
	{ "resolve", cmd_resolve,
		"ID... | -  --published URL [--remote-id ID] | --absent | --failed [--reason TEXT] | --lookup",
		"settle an unknown outcome", resolve_options, 1, MANY, VERB_RESOLVE },
	{ "wait", cmd_wait, "ID... | -  [--timeout DURATION] [--settle DURATION]", "wait until all have come to their end",
		wait_options, 1, MANY, VERB_WATCH },
	{ "watch", cmd_watch, "[ID] [--account ACCOUNT] [--since CURSOR]", "print what happens as it happens",
		watch_options, 0, 1, VERB_WATCH },
	{ "log", cmd_log, "[ID... | -] [--limit N] [--since CURSOR] [--all]", "print the journal", log_options, 0, MANY,
		VERB_LOG },
	{ "account", cmd_account, "[ACCOUNT...] | login ACCOUNT  [--redirect URL] [--answer ADDRESS]",
		"list the accounts, or log in to one", account_options, 0, MANY, VERB_ACCOUNTS },
	{ "reload", cmd_reload, "", "let the daemon read its configuration again", no_options, 0, 0, VERB_RELOAD },
	{ "drain", cmd_drain, "[--timeout DURATION] [--off]", "stop firing and wait for what is in flight", drain_options,
		0, 0, VERB_DRAIN },
	{ "check", cmd_check, "", "compare the store's records, indexes and counters", no_options, 0, 0, VERB_CHECK },
	{ "verify", cmd_verify, "", "recompute the journal's chain of hashes", no_options, 0, 0, VERB_VERIFY },
	{ "backup", cmd_backup, "DIRECTORY", "write a consistent copy of the store", no_options, 1, 1, VERB_BACKUP },
	{ "version", cmd_version, "", "versions of client and daemon", no_options, 0, 0, VERB_HELLO },
	{ "help", cmd_help, "[COMMAND]", "this help, or the options of a command", no_options, 0, 1, -1 },
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const struct command *command_at(size_t index)
{
	return index < COMMAND_COUNT ? &commands[index] : NULL;
}

const char *command_guess(const char *name)
{
	const char *best = NULL;
	unsigned distance = 3;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		unsigned d = args_distance(name, commands[i].name);

		/* half of a short word changed is another word */
		if (d < distance && d * 2 <= strlen(name)) {
			distance = d;
			best = commands[i].name;
		}
	}
	return best;
}

static void print_options(struct out *o, const struct arg_option *options)
{
	for (; options->name; options++) {
		int width = (int)strlen(options->name) + (options->value ? (int)strlen(options->value) + 1 : 0);

		out_fmt(o, options->letter ? "  -%c, " : "      ", options->letter);
		out_fmt(o, "--%s%s%s%*s%s\n", options->name, options->value ? "=" : "", options->value ? options->value : "",
			width < 28 ? 28 - width : 1, "", options->help);
	}
}

static void json_options(struct json_writer *w, const char *key, const struct arg_option *options)
{
	char letter[2] = "";

	jw_array(w, key);
	for (; options->name; options++) {
		letter[0] = options->letter;
		jw_object(w, NULL);
		jw_str(w, "name", options->name);
		jw_str(w, "letter", letter[0] ? letter : NULL);
		jw_str(w, "value", options->value);
		jw_str(w, "help", options->help);
		jw_end(w);
	}
	jw_end(w);
}

static void print_json(struct client *c, const struct command *command)
{
	struct buf line = BUF_INIT(65536);
	struct json_writer w;

	jw_init(&w, &line);
	jw_object(&w, NULL);
	jw_str(&w, "command", command->name);
	jw_str(&w, "usage", command->usage);
	jw_str(&w, "help", command->help);
	jw_str(&w, "verb", command->verb >= 0 ? verb_info((enum verb)command->verb)->name : NULL);
	json_options(&w, "options", command->options);
	json_options(&w, "common", command_common_options);
	jw_end(&w);
	out_json(&c->out, buf_cstr(&line), line.len);
	buf_done(&line);
}

void command_print_help(struct client *c, const struct command *command)
{
	if (c->out.json) {
		print_json(c, command);
		return;
	}
	out_fmt(&c->out, "usage: smmq %s %s\n%s\n", command->name, command->usage, command->help);
	if (command->options->name)
		out_fmt(&c->out, "\n");
	print_options(&c->out, command->options);
	out_fmt(&c->out, "\nevery command takes\n");
	print_options(&c->out, command_common_options);
	out_fmt(&c->out, "\nTimes, exit statuses and examples are in smmq(1).\n");
}

void command_print_all(struct client *c)
{
	if (!c->out.json)
		out_fmt(&c->out, "usage: smmq COMMAND [OPTION...] [ARGUMENT...]\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (c->out.json)
			print_json(c, &commands[i]);
		else
			out_fmt(&c->out, "  %-9s %s\n", commands[i].name, commands[i].help);
	}
	if (c->out.json)
		return;
	out_fmt(&c->out, "\nevery command takes\n");
	print_options(&c->out, command_common_options);
	out_fmt(&c->out, "\nsmmq help COMMAND shows a command's options; smmq(1) is the manual.\n");
}
