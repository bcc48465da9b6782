# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Packages of the distribution, from the mirror that this system uses already, verified by apt's own signatures, in an
# apt configuration that neither reads nor changes the system's, and needs no root. For scripts that have lib.sh.
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
APT=$BUILD_DIR/apt

# The distribution's mirror is wherever this system already takes its packages from.
mirror() {
	# shellcheck disable=SC2016  # apt's own variables
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 2>/dev/null | awk -F '|' '
		$2 !~ /\/debian\/?$/ { next }
		$1 == "Debian" { print $2; found = 1; exit }
		$1 == "" && !any { any = $2 }
		END { if (!found && any) print any }'
}

# apt_config deb|deb-src SUITE...: fails where there is no such distribution. ARCHITECTURE= is for packages of another.
apt_config() {
	type=$1
	shift
	command -v apt-get >/dev/null && [ -f "$KEYRING" ] || return 1
	uri=$(mirror)
	[ -n "$uri" ] || return 1
	mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
	for suite; do
		say "$type [signed-by=$KEYRING] $uri $suite main"
	done >"$APT/sources.list"
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
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; } # VERSION MINIMUM
oldest() { # PACKAGE [MINIMUM]: PACKAGE=VERSION, or why there is none
	for version in $(versions "$1"); do
		at_least "$version" "${2:-0}" && say "$1=$version" && return
	done
	echo "E: the mirror has no $1 ${2:-} in any suite"
	return 1
}
newest() { oldest "$1" "$(versions "$1" | tail -n 1)"; } # PACKAGE

# download PACKAGE=VERSION...: each as a .deb in $APT.
download() { (cd "$APT" && own_apt apt-get -q download "$@"); }
# download_source PACKAGE=VERSION: upstream's archive of it, in $APT. This much of apt needs no dpkg-dev.
download_source() { (cd "$APT" && own_apt apt-get -q source --download-only --tar-only --only-source "$1"); }

# get_packages FOLDER SUITES CHOOSE...: unpack in FOLDER the packages that the command CHOOSE prints; FOLDER/source has their versions.
get_packages() {
	folder=$1 suites=$2
	shift 2
	# shellcheck disable=SC2086  # a list of words
	apt_config deb $suites && progress "$ME: from the distribution" "$LOG" meter_download unpack_packages "$@"
}
unpack_packages() {
	own_apt apt-get -q update || :
	chosen=$("$@") || { say "$chosen"; return 1; }
	rm -rf "$folder.tmp" "$APT"/*.deb
	# shellcheck disable=SC2086  # a list of words
	download $chosen || return 1
	for package in "$APT"/*.deb; do dpkg-deb -x "$package" "$folder.tmp" || return 1; done
	# shellcheck disable=SC2086
	say $chosen >"$folder.tmp/source" && rm -rf "$folder" "$APT" && mv "$folder.tmp" "$folder"
}
