#!/bin/sh
# Enters a root made by `cargo xtask bare-root` and runs one command in the clone inside it.
# Run by `unshare --mount --pid --fork --kill-child`: when this shell ends, so do its mounts and all it started.
# Arguments: the root, the folder of the Rust toolchains, the clone's path inside, the command.
set -eu
root=$1 rustup=$2 clone=$3 command=$4
mount --make-rprivate /
mkdir -p "$root$rustup" "$root/proc" "$root/dev" "$root/tmp"
mount --bind "$rustup" "$root$rustup"
mount -o remount,bind,ro "$root$rustup"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
# A clean environment, as on a machine that knows nothing of this one. No toolchain is to be fetched: the one bound
# in must do.
exec env -i HOME=/root CARGO_HOME=/root/.cargo RUSTUP_HOME="$rustup" RUSTUP_AUTO_INSTALL=0 LANG=C.UTF-8 TERM=dumb \
    PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /bin/sh -c 'cd "$1" && eval "$2"' sh "$clone" "$command"
