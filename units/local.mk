# Paths in units are those of configure; /run and /var/lib are systemd's own (RuntimeDirectory=, StateDirectory=).
units_generated = %D%/smmqd.service %D%/user/smmqd.service %D%/tmpfiles.d/smmq.conf

systemdsystemunit_DATA = %D%/smmqd.service
dist_systemdsystemunit_DATA = %D%/smmqd.socket
systemduserunit_DATA = %D%/user/smmqd.service
dist_systemduserunit_DATA = %D%/user/smmqd.socket
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = %D%/sysusers.d/smmq.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = %D%/tmpfiles.d/smmq.conf
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/sample/smmqd.conf
accountexamplesdir = $(examplesdir)/accounts.d
dist_accountexamples_DATA = \
	%D%/sample/accounts.d/bluesky.conf.sample \
	%D%/sample/accounts.d/linkedin.conf.sample \
	%D%/sample/accounts.d/facebook.conf.sample \
	%D%/sample/accounts.d/instagram.conf.sample \
	%D%/sample/accounts.d/mastodon.conf.sample \
	%D%/sample/accounts.d/outbox.conf.sample \
	%D%/sample/accounts.d/pinterest.conf.sample \
	%D%/sample/accounts.d/threads.conf.sample \
	%D%/sample/accounts.d/tiktok.conf.sample \
	%D%/sample/accounts.d/webhook.conf.sample \
	%D%/sample/accounts.d/x.conf.sample \
	%D%/sample/accounts.d/youtube.conf.sample

$(units_generated): Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
%D%/smmqd.service: %D%/smmqd.service.in
%D%/user/smmqd.service: %D%/user/smmqd.service.in
%D%/tmpfiles.d/smmq.conf: %D%/tmpfiles.d/smmq.conf.in

EXTRA_DIST += %D%/smmqd.service.in %D%/user/smmqd.service.in %D%/tmpfiles.d/smmq.conf.in
CLEANFILES += $(units_generated)
