bin_PROGRAMS += smmq
smmq_SOURCES = \
	%D%/args.c %D%/args.h \
	%D%/cmd_add.c \
	%D%/cmd_admin.c \
	%D%/cmd_care.c \
	%D%/cmd_change.c \
	%D%/cmd_list.c \
	%D%/cmd_login.c \
	%D%/cmd_media.c %D%/cmd_media.h \
	%D%/cmd_show.c \
	%D%/cmd_status.c \
	%D%/cmd_stop.c \
	%D%/cmd_wait.c \
	%D%/cmd_watch.c \
	%D%/command.c %D%/command.h \
	%D%/conn.c %D%/conn.h \
	%D%/content.c %D%/content.h \
	%D%/extra.c \
	%D%/event.c %D%/event.h \
	%D%/filter.c %D%/filter.h \
	%D%/ids.c %D%/ids.h \
	%D%/main.c \
	%D%/out.c %D%/out.h \
	%D%/talk.c %D%/talk.h \
	%D%/when.c %D%/when.h
smmq_LDADD = proto/libproto.a $(CJSON_LIBS)

dist_man_MANS += %D%/smmq.1

bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_bashcompletion_DATA = %D%/completion/smmq.bash
dist_zshcompletion_DATA = %D%/completion/_smmq
dist_fishcompletion_DATA = %D%/completion/smmq.fish
