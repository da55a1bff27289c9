#!/bin/sh
echo "This goes wrong" >&2
exit 3
