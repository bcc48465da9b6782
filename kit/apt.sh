# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Packages of the distribution, from the mirror that this system uses already, verified by apt's own signatures, in an
# apt configuration that neither reads nor changes the system's, and needs no root. For scripts that have lib.sh.
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# Several scripts may be fetching at the same time.
APT=$BUILD_DIR/apt/$$
# Where the newest kernels are.
# shellcheck disable=SC2034  # fetch.sh and deb.sh use it
SUITES='trixie-backports forky sid bookworm-backports trixie'

# The distribution's mirror is wherever this system already takes its packages from.
mirror() {
	# shellcheck disable=SC2016  # apt's own variables
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' |
		awk -F '|' '$1 == "Debian" || $1 == "" { print ($1 == ""), $2 }' | sort -s -k 1,1 | cut -d ' ' -f 2 | head -n 1
}

# apt_config deb|deb-src SUITE...: fails where there is no such distribution. ARCHITECTURE= is for packages of another.
apt_config() {
	type=$1
	shift
	command -v apt-get >/dev/null && [ -f "$KEYRING" ] || return 1
	uri=$(mirror)
	[ -n "$uri" ] || return 1
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	printf "$type [signed-by=$KEYRING] $uri %s main\n" "$@" >"$APT/sources.list"
	cat >"$APT/apt.conf" <<-EOC
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::Etc::sourcelist "$APT/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$APT/lists";
		Dir::Cache "$APT/cache";
		APT::Sandbox::User "$(id -un)";
		APT::Architecture "${ARCHITECTURE:-$(dpkg --print-architecture)}";
		APT::Architectures { "${ARCHITECTURE:-$(dpkg --print-architecture)}"; };
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Retries "2";
	EOC
}
own_apt() { tool=$1; shift; "$tool" -c "$APT/apt.conf" "$@"; }

# versions PACKAGE: oldest first. A suite that the mirror lacks is no reason to give up: what counts is what is found.
versions() { own_apt apt-cache madison "$1" | awk '{ print $3 }' | sort -V; }
at_least() { printf '%s\n' "$2" "$1" | sort -C -V; } # VERSION MINIMUM
oldest() { # PACKAGE [MINIMUM]: PACKAGE=VERSION
	for version in $(versions "$1"); do
		at_least "$version" "${2:-0}" && say "$1=$version" && return
	done
	return 1
}
newest() { versions "$1" | sed -n "\$s/^/$1=/p"; } # PACKAGE

# get_packages FOLDER deb|deb-src SUITES CHOOSE...: put into FOLDER what is in the packages that the command CHOOSE prints, of a source
# package upstream's archive; FOLDER/source has their versions.
get_packages() {
	folder=$1 type=$2 suites=$3
	shift 3
	# shellcheck disable=SC2086  # a list of words
	if ! { apt_config "$type" $suites && progress "$ME: from the distribution" "$LOG" unpack_packages "$@"; }; then
		rm -rf "$APT"
		return 1
	fi
	rm -rf "$folder" "$APT"
	mv "$folder.tmp" "$folder"
}
unpack_packages() (
	own_apt apt-get -q update || :
	chosen=$("$@") || chosen=''
	[ -n "$chosen" ] || { echo "E: no suite of the mirror has what is wanted: $*"; return 1; }
	rm -rf "$folder.tmp" && mkdir -p "$folder.tmp" && cd "$folder.tmp" && say "$chosen" >source || return 1
	# shellcheck disable=SC2086  # a list of words; this much of apt needs no dpkg-dev
	case $type in
	deb-src) own_apt apt-get -q source --download-only --tar-only --only-source $chosen ;;
	deb)
		own_apt apt-get -q download $chosen || return 1
		for package in ./*.deb; do dpkg-deb -x "$package" . && rm "$package" || return 1; done
		;;
	esac
)
