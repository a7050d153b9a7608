# bash completion for smmq

_smmq_accounts()
{
	"${COMP_WORDS[0]}" account -j 2>/dev/null | sed -n 's/.*"name":"\([^"\\]*\)".*/\1/p'
}

_smmq()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' i
	local common='--socket --json --quiet --help --version'
	local states='draft queued sending unknown held failed published cancelled missed expired'
	local commands='add list show status edit move cancel hold release retry resolve wait watch log account reload drain check verify backup
		version help'

	# readline takes "--option=value" apart at the "="
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	COMPREPLY=()
	case $prev in
	-a | --account)
		mapfile -t COMPREPLY < <(compgen -W "$(_smmq_accounts)" -- "$cur")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "$states" -- "$cur")
		return
		;;
	--past)
		mapfile -t COMPREPLY < <(compgen -W 'refuse now tomorrow' -- "$cur")
		return
		;;
	--late)
		mapfile -t COMPREPLY < <(compgen -W 'post skip hold next' -- "$cur")
		return
		;;
	--as)
		mapfile -t COMPREPLY < <(compgen -W 'published absent failed lookup' -- "$cur")
		return
		;;
	-s | --socket | -m | --media | --link-image | --cover | -f | --file | --thread)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac

	local options=''
	case $command in
	'') options=$commands ;;
	add)
		options='--account --at --now --past --media --alt --link --link-title --link-description --link-image --text-for
			--file --thread --first-comment --as --title --warning --quote --poll --poll-for
			--poll-multiple --cover --media-for --set --language --label --key --draft --hold --late --max-late --expires --dry-run'
		;;
	list) options='--account --label --state --all --limit' ;;
	status) options='--check' ;;
	edit)
		options='--media --alt --no-media --link --link-title --link-description --link-image --no-link --file --thread
			--first-comment --as --title --warning --quote --poll --poll-for --poll-multiple --cover
			--set --no-title --no-warning --no-quote --no-poll --no-cover
			--language --no-language --label --no-label --if-rev'
		;;
	move) options='--at --now --past --if-rev' ;;
	cancel) options='ALL --account --label --state --dry-run' ;;
	hold) options='ALL --account --label --reason --until --backlog' ;;
	release) options='ALL --account --label --gate --backlog' ;;
	resolve) options='--published --remote-id --absent --failed --reason --lookup' ;;
	wait) options='--timeout --settle' ;;
	watch) options='--account --since' ;;
	log) options='--limit --since --all' ;;
	account) [[ $cur == -* ]] && options='--redirect --answer' || options="login $(_smmq_accounts)" ;;
	drain) options='--timeout --off' ;;
	help) options=$commands ;;
	show | retry | reload | check | verify | backup | version) ;;
	esac
	[[ $cur == -* ]] && options="$options $common"
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _smmq smmq
