#!/usr/bin/env bash
# Builds and runs a program by pkg-config alone, shared and static: pkg_config.sh LIBDIR SOURCE COMPILER WORK_FOLDER
set -euo pipefail
libdir=$1 source=$2 compiler=$3 work=$4
export PKG_CONFIG_PATH=$libdir/pkgconfig
mkdir -p "$work"

read -ra shared <<<"$(pkg-config --cflags --libs wengert)"
"$compiler" "$source" -o "$work/shared" "${shared[@]}"
LD_LIBRARY_PATH=$libdir "$work/shared"

# Both libraries lie in one folder, where -lwengert means the shared one: name the archive.
read -ra static <<<"$(pkg-config --static --cflags --libs wengert)"
"$compiler" "$source" -o "$work/static" "${static[@]/#-lwengert/-l:libwengert.a}"
"$work/static"
! ldd "$work/static" | grep libwengert
