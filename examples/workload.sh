#!/bin/sh
# Makes a file of a megabyte and reads it.
set -e
dd if=/dev/zero of=/tmp/megabyte bs=4096 count=256 2>/dev/null
dd if=/tmp/megabyte of=/dev/null bs=4096 2>/dev/null
